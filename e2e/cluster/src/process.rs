//! A program that can't outlive us.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    process::{Child, ChildStdin, Command},
    time::{Instant, sleep},
};

/// How long anything may take to start. Generous: machines are shared.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// How often a waiting test looks.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

/// Runs a program until it ends or until our end of standard input closes, which the system sees to
/// however we die. Only then SIGKILL: nothing that is started here has anything to keep.
const LEASH: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- & child=$!
{ read -r _; kill -9 $child; } <&3 3<&- 2>/dev/null & leash=$!
wait $child; status=$?
kill $leash 2>/dev/null
exit $status"#;

/// How many of a log's last lines an error shows.
const TAIL: usize = 15;

/// A program, running.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    log: PathBuf,
    child: Child,
    leash: Option<ChildStdin>,
}

impl Process {
    /// Starts `command` (a program and its arguments), which logs into `folder`.
    pub(crate) fn start(name: &str, command: &[String], folder: &Path) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let out = File::options().create(true).append(true).open(&log).context("open a log")?;
        let mut child = Command::new("sh")
            .args(["-c", LEASH, "leash"])
            .args(command)
            .stdin(Stdio::piped())
            .stderr(out.try_clone()?)
            .stdout(out)
            .spawn()
            .with_context(|| format!("start {name}"))?;
        let leash = child.stdin.take();
        Ok(Self { name: name.to_owned(), log, child, leash })
    }

    /// Kills it and waits until it is dead.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        self.leash = None;
        self.child.wait().await?;
        Ok(())
    }

    /// An error with the end of the log if it has ended.
    fn check(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended: {status}\n{}", self.name, self.tail());
        }
        Ok(())
    }

    fn tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines = text.lines().collect::<Vec<_>>();
        let from = lines.len().saturating_sub(TAIL);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}

/// Asks until the answer is yes, and gives up early if one of the programs ends.
pub(crate) async fn until(
    what: &str,
    processes: &mut [&mut Process],
    mut ask: impl AsyncFnMut() -> bool,
) -> anyhow::Result<()> {
    let end = Instant::now() + PATIENCE;
    while !ask().await {
        processes.iter_mut().try_for_each(|process| process.check())?;
        if Instant::now() > end {
            let logs = processes.iter().map(|p| format!("{}:\n{}", p.name, p.tail()));
            bail!("waited {PATIENCE:?} until {what}\n{}", logs.collect::<Vec<_>>().join("\n"));
        }
        sleep(LOOK).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[tokio::test]
    async fn a_program_dies_with_its_leash() {
        let folder = tempfile::tempdir().expect("a folder");
        let print = command(&["sh", "-c", "echo $$; exec sleep 1000"]);
        let mut sleeper = Process::start("sleeper", &print, folder.path()).expect("starts");
        let pid = loop {
            let text = fs::read_to_string(folder.path().join("sleeper.log")).expect("a log");
            if let Ok(pid) = text.trim().parse::<u32>() {
                break pid;
            }
            sleep(LOOK).await;
        };
        assert!(Path::new(&format!("/proc/{pid}")).exists());
        sleeper.stop().await.expect("stops");
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[tokio::test]
    async fn a_program_that_ends_is_reported_with_its_last_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let fail = command(&["sh", "-c", "echo no such flag; exit 3"]);
        let mut etcd = Process::start("etcd", &fail, folder.path()).expect("starts");
        let error = until("never", &mut [&mut etcd], async || false).await.expect_err("it ended");
        assert_eq!(error.to_string(), "etcd ended: exit status: 3\nno such flag");
    }
}
