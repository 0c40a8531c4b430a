//! A machine made of namespaces: network, mounts and processes of its own, on this kernel.
//!
//! Nothing in it can be left behind. When its first process ends, because it was told to, because it
//! was killed or because we were, the kernel kills all others, unmounts what they mounted and removes
//! its network devices: a power cut.

use std::{path::Path, process::Stdio};

use anyhow::{Context, bail, ensure};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdin, Command},
};

use crate::process::Process;

/// The first process. It says its number, which it has from the outer /proc, and then lives until
/// standard input closes. bash, because it reaps the orphans that it inherits.
const INIT: &str = r#"
set -e
read -r pid _ </proc/self/stat
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mount --make-rshared /
ip link set lo up
echo "$pid"
while read -r _; do :; done"#;

/// A machine that runs.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Its first process, as this process sees it.
    pub(crate) pid: u32,
    init: Child,
    power: Option<ChildStdin>,
}

impl Machine {
    /// Switches one on.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let mut init = Command::new("unshare")
            .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", INIT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("run unshare")?;
        let power = init.stdin.take();
        let mut line = String::new();
        let said = init.stdout.take().context("its output is piped")?;
        BufReader::new(said).read_line(&mut line).await?;
        if let Ok(pid) = line.trim().parse() {
            return Ok(Self { pid, init, power });
        }
        let out = init.wait_with_output().await?;
        bail!("make a namespace (needs root): {}", String::from_utf8_lossy(&out.stderr).trim());
    }

    /// Starts a program on it.
    pub(crate) fn spawn(
        &self,
        name: &str,
        command: &[String],
        logs: &Path,
    ) -> anyhow::Result<Process> {
        let pid = self.pid.to_string();
        let enter = ["nsenter", "--target", &pid, "--net", "--mount", "--pid", "--"];
        let enter = enter.map(String::from).into_iter();
        Process::start(name, &enter.chain(command.iter().cloned()).collect::<Vec<_>>(), logs)
    }

    /// Runs a script on it; what it prints.
    pub(crate) async fn run(&self, script: &str) -> anyhow::Result<String> {
        self.enter(&["--net", "--mount", "--pid"], script).await
    }

    /// Runs a script on its network that sees the processes outside, other machines' among them.
    pub(crate) async fn run_on_network(&self, script: &str) -> anyhow::Result<String> {
        self.enter(&["--net"], script).await
    }

    /// Switches it off and waits until all that ran on it is dead.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        self.power = None;
        self.init.wait().await.context("wait for a machine's end")?;
        Ok(())
    }

    async fn enter(&self, namespaces: &[&str], script: &str) -> anyhow::Result<String> {
        let out = Command::new("nsenter")
            .args(["--target", &self.pid.to_string()])
            .args(namespaces)
            .args(["--", "sh", "-ec", script])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("run nsenter")?;
        let error = String::from_utf8_lossy(&out.stderr);
        ensure!(out.status.success(), "{script}: {}: {}", out.status, error.trim());
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }
}
