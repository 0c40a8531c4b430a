//! The cluster that the demo plays on, and how it runs `spike` there.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use spike_core::wire::v2::status::Status as NexusStatus;
use tokio::{
    process::Command,
    time::{Instant, sleep, timeout},
};
use zeroize::Zeroizing;

use super::{super::checks, tale::Seen};
use crate::{
    dev::{
        control::{ProgramStatus, Status},
        home::Home,
        plan::NEXUS_PORT,
        ports,
    },
    error::CliError,
};

/// Longer than the longest command: starting and stopping a cluster.
const COMMAND: Duration = Duration::from_secs(90);

/// How long the cluster may take to heal: Nexus looks after its Keepers every ten seconds.
const HEALING: Duration = Duration::from_secs(40);

/// A supervisor that has said goodbye needs a moment to be gone.
const FAREWELL: Duration = Duration::from_secs(5);

const ASK_EVERY: Duration = Duration::from_millis(200);

/// A step failed, and that was told already.
#[derive(Debug)]
pub(super) struct Failed;

/// The cluster that the demo plays on.
pub(super) struct Stage {
    spike: PathBuf,
    home: Home,
    port_offset: u16,
    password: Zeroizing<String>,
}

/// How a `spike` command ended.
pub(super) struct Ended {
    command: String,
    output: Output,
}

impl Stage {
    pub(super) fn new(dir: &Path, port_offset: u16) -> Result<Self, CliError> {
        let spike = env::current_exe().map_err(|e| checks::file("find", Path::new("spike"), &e))?;
        let password = Zeroizing::new(hex::encode(rand::random::<[u8; 16]>()));
        Ok(Self { spike, home: Home::at(dir)?, port_offset, password })
    }

    /// The secret of this run: nothing can know it that didn't get it from Nexus.
    pub(super) fn password(&self) -> &str {
        &self.password
    }

    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    fn nexus_port(&self) -> u16 {
        NEXUS_PORT + self.port_offset
    }

    /// Runs `spike` under an identity of the cluster.
    pub(super) async fn run<A: AsRef<OsStr>>(
        &self,
        who: &str,
        args: &[A],
    ) -> Result<Ended, String> {
        let socket = self.home.socket_of(who);
        let shown: Vec<_> = args.iter().map(|arg| arg.as_ref().to_string_lossy()).collect();
        let command = format!("spike {}", shown.join(" "));
        let output = Command::new(&self.spike)
            .args(args)
            .env_remove("SPIKE_INSTANCE")
            .env("SPIKE_IDENTITY", "workload-api")
            .env("SPIFFE_ENDPOINT_SOCKET", format!("unix://{}", socket.display()))
            .env("SPIKE_NEXUS_API_URL", format!("https://127.0.0.1:{}", self.nexus_port()))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        match timeout(COMMAND, output).await {
            Ok(Ok(output)) => Ok(Ended { command, output }),
            Ok(Err(error)) => Err(format!("{command}: cannot run: {error}")),
            Err(_) => Err(format!("{command}: not done within {COMMAND:?}")),
        }
    }

    /// Runs `spike dev` on this cluster.
    pub(super) async fn dev(&self, args: &[&str]) -> Result<Ended, String> {
        let mut all = vec![OsStr::new("dev")];
        all.extend(args.iter().map(OsStr::new));
        all.extend([OsStr::new("--dir"), self.home.root().as_os_str()]);
        self.run("superuser", &all).await
    }

    /// What runs.
    pub(super) async fn status(&self) -> Result<Status, String> {
        self.dev(&["status", "-f", "json"]).await?.json()
    }

    /// What Nexus knows of its keys and Keepers.
    pub(super) async fn nexus(&self) -> Result<NexusStatus, String> {
        self.run("superuser", &["status", "-f", "json"]).await?.succeeded()?.json()
    }

    /// One program, by name.
    pub(super) async fn program(&self, name: &str) -> Result<ProgramStatus, String> {
        let status = self.status().await?;
        let mut programs = status.programs.into_iter();
        programs.find(|program| program.name == name).ok_or(format!("{name} isn't there"))
    }

    /// Kills a program as the kernel would, without a chance to say good-bye; its process.
    pub(super) async fn kill(&self, name: &str) -> Result<u32, String> {
        let pid = self.program(name).await?.pid.ok_or(format!("{name} doesn't run"))?;
        kill_process(process(pid)?, Signal::KILL).map_err(|e| format!("cannot kill {pid}: {e}"))?;
        Ok(pid)
    }

    /// Starts the cluster, and looks at every program of it.
    pub(super) async fn start(&self) -> Seen {
        let offset = format!("--port-offset={}", self.port_offset);
        self.dev(&["up", "--background", &offset]).await?.succeeded()?;
        let status = self.status().await?;
        let keepers = status.programs.iter().filter(|p| p.name.starts_with("keeper-")).count();
        let running =
            status.programs.iter().filter(|p| p.ready && p.pid.is_some_and(alive)).count();
        expect(status.started && running == status.programs.len(), "not every program runs")?;
        expect(keepers == 3 && running == 4, "the quickstart has three Keepers and one Nexus")?;
        let nexus = self.nexus().await?;
        let keys = nexus.keys.ok_or("Nexus has no key")?;
        Ok(vec![
            format!("{running} real processes, {}", status.trust_domain),
            format!(
                "root key split {} of {}, set {}, held by {} Keepers",
                keys.threshold,
                keys.shares,
                keys.set_id,
                nexus.keepers.iter().filter(|keeper| keeper.current).count()
            ),
        ])
    }

    /// Stops the cluster and looks for anything that is left of it.
    pub(super) async fn sweep(&self) -> Seen {
        let status = self.status().await.ok();
        self.dev(&["stop"]).await?.succeeded()?;
        let Some(status) = status else { return Ok(vec!["nothing was running".to_owned()]) };
        let programs = status.programs.iter().filter_map(|program| program.pid);
        let mut left: Vec<_> = programs.chain([status.pid]).collect();
        let since = Instant::now();
        loop {
            left.retain(|pid| alive(*pid));
            if left.is_empty() || since.elapsed() > FAREWELL {
                break;
            }
            sleep(ASK_EVERY).await;
        }
        expect(left.is_empty(), &format!("processes {left:?} still run"))?;
        let ports = status
            .programs
            .iter()
            .filter_map(|program| program.url.rsplit_once(':')?.1.parse::<u16>().ok());
        let busy: Vec<_> = ports.filter(|port| ports::owner(*port).is_some()).collect();
        expect(busy.is_empty(), &format!("ports {busy:?} are still busy"))?;
        Ok(vec![format!("{} processes gone, every port free", status.programs.len() + 1)])
    }
}

impl Ended {
    /// An error with what it said, unless it ended with 0.
    pub(super) fn succeeded(self) -> Result<Self, String> {
        self.exited(0)
    }

    /// An error with what it said, unless it ended with that status.
    pub(super) fn exited(self, code: i32) -> Result<Self, String> {
        if self.output.status.code() == Some(code) {
            return Ok(self);
        }
        let said = String::from_utf8_lossy(&self.output.stderr);
        Err(format!("{}: {}, not {code}: {}", self.command, self.output.status, said.trim()))
    }

    /// Its answer.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.output.stdout).map_err(|error| {
            let said = String::from_utf8_lossy(&self.output.stderr);
            format!("{}: its answer can't be read: {error}\n{}", self.command, said.trim())
        })
    }

    /// Everything that it said.
    pub(super) fn text(&self) -> String {
        let Output { stdout, stderr, .. } = &self.output;
        String::from_utf8_lossy(&[stdout.as_slice(), stderr].concat()).into_owned()
    }
}

/// An error unless it holds.
pub(super) fn expect(holds: bool, else_what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(else_what.to_owned()) }
}

/// Asks again and again until there is an answer, within [`HEALING`].
pub(super) async fn until<T, F>(what: &str, mut ask: impl FnMut() -> F) -> Result<T, String>
where
    F: Future<Output = Result<Option<T>, String>>,
{
    let deadline = Instant::now() + HEALING;
    let mut last = String::new();
    while Instant::now() < deadline {
        match ask().await {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => {}
            Err(error) => last = format!(": {error}"),
        }
        sleep(ASK_EVERY).await;
    }
    Err(format!("not within {HEALING:?}: {what}{last}"))
}

fn process(pid: u32) -> Result<Pid, String> {
    i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(format!("{pid} is no process"))
}

/// True unless the process is gone, or dead and only not yet reaped by its parent.
fn alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state follows the name, which is in parentheses and may hold any other character.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}
