//! The operator, as a process of its own.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::Path,
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
};

/// What /proc counts CPU in, on every Linux that Rust runs on.
const TICKS_PER_SECOND: u64 = 100;

/// The operator.
pub(crate) struct Operator {
    child: Child,
    id: u32,
    probes: String,
}

/// What it has done and used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) reconciles: usize,
    pub(crate) cpu: Duration,
    pub(crate) leads: bool,
}

impl Operator {
    /// The program beside this one.
    pub(crate) fn start(kubeconfig: &Path, log: &Path) -> anyhow::Result<Self> {
        let here = std::env::current_exe()?;
        let program = here.parent().and_then(Path::parent).context("a folder")?.join("operator");
        let probes = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let child = Command::new(&program)
            .env_clear()
            .env("KUBECONFIG", kubeconfig)
            .env("HOSTNAME", "bench")
            .env("SPIKE_OPERATOR_IMAGE", "registry.example/spike:1.0.0")
            .env("SPIKE_OPERATOR_PROBE_PORT", &probes)
            .stderr(File::create(log)?)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {}: build it first", program.display()))?;
        let id = child.id().context("it runs")?;
        Ok(Self { child, id, probes })
    }

    /// Stops it as Kubernetes would.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").arg(self.id.to_string()).status().await?;
        let status = self.child.wait().await?;
        if !status.success() {
            bail!("the operator ended: {status}");
        }
        Ok(())
    }

    /// Resident bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes * 1024)
    }

    /// What its metrics and /proc say.
    pub(crate) async fn usage(&self) -> anyhow::Result<Usage> {
        let text = self.metrics().await?;
        let sum = |name: &str| -> usize {
            let lines = text.lines().filter(|line| line.starts_with(name));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
        };
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id))?;
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        // utime and stime, counted from the field after the name.
        let ticks: u64 =
            fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(Usage {
            reconciles: sum("spike_operator_reconciles_total"),
            cpu: Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND),
            leads: sum("spike_operator_leads") == 1,
        })
    }

    async fn metrics(&self) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(&self.probes).await?;
        let request = "GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text)
    }
}
