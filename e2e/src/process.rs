//! One program, running.

use std::{
    fs::{self, File, OpenOptions},
    future::Future,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

/// How long a program may take to do what a test waits for. Generous: machines are shared.
const PATIENCE: Duration = Duration::from_mins(1);

/// A program of this workspace, built beside the running test.
///
/// # Panics
///
/// If it isn't there: `cargo build --workspace --bins` makes it, as `make test` does.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let path = test.ancestors().nth(2).map(|folder| folder.join(name)).unwrap_or_default();
    assert!(path.exists(), "no {}: run cargo build --workspace --bins", path.display());
    path
}

/// Asks until the answer is yes.
pub async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let end = Instant::now() + PATIENCE;
    while !ask().await {
        assert!(Instant::now() < end, "waited {PATIENCE:?} until {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Program {
    /// `keeper`, `nexus`.
    pub name: &'static str,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment.
    pub env: Vec<(String, String)>,
    /// Where standard output and error go.
    pub log: PathBuf,
}

/// A server with its ports, running or not.
#[derive(Debug)]
pub struct Server {
    /// How it is started.
    pub program: Program,
    /// The port of its API.
    pub port: u16,
    /// The port of its probes.
    pub probes: u16,
    child: Option<Child>,
}

impl Server {
    /// A server that isn't running yet, on two free ports.
    pub fn new(program: Program) -> anyhow::Result<Self> {
        Ok(Self { program, port: free_port()?, probes: free_port()?, child: None })
    }

    /// Starts it and waits until it is alive.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        let out = append(&self.program.log)?;
        let child = Command::new(program(self.program.name))
            .args(&self.program.args)
            .env_clear()
            .envs(self.program.env.iter().cloned())
            .stdin(Stdio::null())
            .stderr(out.try_clone()?)
            .stdout(out)
            .kill_on_drop(true)
            .spawn()?;
        self.child = Some(child);
        self.wait_for("/livez").await
    }

    /// Waits until it says it is ready.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        self.wait_for("/readyz").await
    }

    /// The answer of one of its probes: status and body; `None` if it doesn't answer.
    pub async fn probe(&self, path: &str) -> Option<(u16, String)> {
        let url = format!("http://127.0.0.1:{}{path}", self.probes);
        let answer = reqwest::get(url).await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// SIGKILL.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// SIGTERM, and waits for its exit.
    pub async fn stop(&mut self) -> anyhow::Result<std::process::ExitStatus> {
        let mut child = self.child.take().context("it isn't running")?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).context("it has exited")?;
        let pid = rustix::process::Pid::from_raw(pid).context("a pid isn't 0")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        timeout(PATIENCE, child.wait()).await.context("it didn't stop")?.map_err(Into::into)
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.program.log).unwrap_or_default()
    }

    async fn wait_for(&mut self, probe: &str) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        let away = r#""status":"store_unavailable""#;
        let passes = |(status, text): &(u16, String)| *status == 200 && !text.contains(away);
        while !self.probe(probe).await.as_ref().is_some_and(passes) {
            let exited = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if exited.is_some() || Instant::now() > end {
                bail!("{} {probe}: {exited:?}\n{}", self.program.name, self.log());
            }
            sleep(Duration::from_millis(30)).await;
        }
        Ok(())
    }
}

pub(crate) fn append(log: &Path) -> anyhow::Result<File> {
    OpenOptions::new().create(true).append(true).open(log).context("open a log")
}

/// A port that nobody listens on. Each is given out once, and all lie below the range that the system
/// takes for outgoing connections, so that nothing else gets it before the server does.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 12_000;
    const PORTS: u16 = 20_000;
    let own = u16::try_from(std::process::id() % 200)? * 100;
    for _ in 0..PORTS {
        let port = FIRST + (own + NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port from {FIRST} on")
}
