//! One postmaster, running: its processes are found, stopped and killed here.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Child, ChildStdin, Stdio},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::programs::Programs;

/// How long a server may take to do what a test waits for. Generous: machines are shared.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Between two looks at it.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// Runs the postmaster until it is told `keep`, or until standard input ends, which it does with
/// the process that holds its other end, however that dies: then the server's folder goes too.
const SUPERVISOR: &str = r#"
folder=$1
shift
exec 3<&0
"$@" </dev/null 3<&- &
read -r word <&3 || word=
kill -CONT $! 2>/dev/null
kill -QUIT $! 2>/dev/null
wait $!
[ "$word" = keep ] || rm -rf "$folder"
"#;

/// A postmaster that runs as long as this value, or the process that has it, lives.
#[derive(Debug)]
pub(crate) struct Postmaster {
    supervisor: Child,
    lifeline: Option<ChildStdin>,
    pid: Pid,
}

impl Postmaster {
    /// Starts it on a data directory; its log is appended to `log` in the server's folder.
    pub(crate) async fn start(
        programs: &Programs,
        folder: &Path,
        data: &Path,
    ) -> anyhow::Result<Self> {
        let log = folder.join("log");
        let out = fs::OpenOptions::new().create(true).append(true).open(&log)?;
        programs.give(&log)?;
        // What an earlier one left, if it was killed.
        let _ = fs::remove_file(data.join("postmaster.pid"));
        let mut supervisor = programs
            .command("/bin/sh")
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(folder)
            .arg(programs.path("postgres"))
            .arg("-D")
            .arg(data)
            .stdin(Stdio::piped())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .context("start postgres")?;
        let lifeline = supervisor.stdin.take();
        let pid = first_pid(data, &log).await;
        // Without a pid nothing is running: the supervisor ends with its lifeline.
        let pid = pid.inspect_err(|_| drop(supervisor.kill()))?;
        Ok(Self { supervisor, lifeline, pid })
    }

    /// Sends the postmaster a signal.
    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(self.pid, signal).context("signal the postmaster")
    }

    /// Sends every process of the server a signal.
    pub(crate) fn signal_all(&self, signal: Signal) -> anyhow::Result<()> {
        // The parent first: it must not start more of them meanwhile.
        self.signal(signal)?;
        self.signal_backends("", signal);
        Ok(())
    }

    /// Sends the processes whose title holds `title` a signal.
    pub(crate) fn signal_backends(&self, title: &str, signal: Signal) {
        for pid in self.children() {
            let name = fs::read_to_string(format!("/proc/{}/cmdline", pid.as_raw_nonzero()));
            if name.is_ok_and(|name| name.contains(title)) {
                // One that has ended meanwhile needs no signal.
                let _ = kill_process(pid, signal);
            }
        }
    }

    /// SIGKILL, and waits until no process of the server is left.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        let children = self.children();
        self.signal(Signal::KILL)?;
        // Paused ones couldn't notice that their parent is gone.
        for &pid in &children {
            let _ = kill_process(pid, Signal::CONT);
        }
        for &pid in children.iter().chain([&self.pid]) {
            until_gone(pid).await?;
        }
        self.end(b"keep\n");
        Ok(())
    }

    /// Lets it end in order: clients are cut off, everything is written.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.signal_all(Signal::CONT)?;
        self.signal(Signal::INT)?;
        until_gone(self.pid).await?;
        self.end(b"keep\n");
        Ok(())
    }

    /// True once it has exited by itself.
    pub(crate) fn has_exited(&self) -> bool {
        is_gone(self.pid)
    }

    fn children(&self) -> Vec<Pid> {
        let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
        let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let ours = |&pid: &i32| parent(pid) == Some(self.pid.as_raw_nonzero().get());
        pids.filter(ours).filter_map(Pid::from_raw).collect()
    }

    fn end(&mut self, word: &[u8]) {
        if let Some(mut lifeline) = self.lifeline.take() {
            let _ = lifeline.write_all(word);
        }
        // The supervisor is a shell that has nothing else to wait for.
        let _ = self.supervisor.wait();
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        if self.lifeline.is_some() {
            let _ = self.signal_all(Signal::CONT);
            self.end(b"");
        }
    }
}

/// The pid that a starting postmaster writes down.
async fn first_pid(data: &Path, log: &Path) -> anyhow::Result<Pid> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let written = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        let pid = written.lines().next().and_then(|line| line.parse().ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            return Ok(pid);
        }
        sleep(PAUSE).await;
    }
    bail!("postgres didn't start: {}", fs::read_to_string(log).unwrap_or_default())
}

async fn until_gone(pid: Pid) -> anyhow::Result<()> {
    let end = Instant::now() + PATIENCE;
    while !is_gone(pid) {
        ensure!(Instant::now() < end, "process {} didn't end", pid.as_raw_nonzero());
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Gone, or dead and not yet buried by its parent.
fn is_gone(pid: Pid) -> bool {
    stat(pid.as_raw_nonzero().get()).is_none_or(|(state, _)| state == "Z")
}

fn parent(pid: i32) -> Option<i32> {
    stat(pid).map(|(_, parent)| parent)
}

/// State and parent from `proc(5)`'s `stat`, whose second field may hold anything but ends in `)`.
fn stat(pid: i32) -> Option<(String, i32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
