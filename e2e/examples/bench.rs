//! Measures clusters under k6 and prints tables for docs/benchmarks.md: one Nexus on SQLite, one and
//! three on PostgreSQL.
//!
//! Run by `make bench`, which builds everything with `--release` first. CPU time is that of all
//! Nexus processes, read from /proc around each round: on a shared machine it is the figure to trust.

#![allow(clippy::indexing_slicing, clippy::print_stdout, reason = "its output is the result")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use serde::Deserialize;
use spike_e2e::{
    Cluster, Options, Server,
    stage::{Scene, Stage},
};
use tokio::{process::Command, time::Instant};

/// Linux counts CPU time in hundredths of a second (`USER_HZ`) whatever its own clock.
const TICK: Duration = Duration::from_millis(10);

/// MiB: a Keeper holds 32 bytes, and there are many of it.
const KEEPER_CEILING: f64 = 15.0;

#[derive(Debug, Deserialize)]
struct Round {
    requests: u32,
    per_second: f64,
    failed: u32,
    p50_ms: f64,
    p99_ms: f64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let k6 = PathBuf::from(std::env::var("K6").context("K6 names the k6 program")?);
    println!(
        "| store | Nexus | operation | clients | requests/s | p50 | p99 | CPU of Nexus per request |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut cluster = Cluster::start(Options::default()).await?;
    rounds(&k6, "SQLite", &cluster).await?;
    let kept = kept(&mut cluster).await?;
    drop(cluster);
    for replicas in [1, 3] {
        let scene = Scene { replicas, connections: 12, ..Scene::default() };
        let stage = Stage::start(scene).await?;
        rounds(&k6, "PostgreSQL", &stage.cluster).await?;
    }
    println!("\n{kept}");
    Ok(())
}

/// Measures puts and gets, and prints a row for each round.
async fn rounds(k6: &Path, store: &str, cluster: &Cluster) -> anyhow::Result<()> {
    let (cert, key) = export_svid(cluster).await?;
    let urls: Vec<_> =
        cluster.replicas().map(|nexus| format!("https://localhost:{}", nexus.port)).collect();
    for (op, clients) in [("put", 16), ("get", 16), ("put", 64), ("get", 64)] {
        let before = cpu(cluster)?;
        let out = Command::new(k6)
            .args(["run", "--quiet", "--no-usage-report"])
            .envs([("OP", op), ("URLS", &urls.join(","))])
            .envs([("CERT", &cert), ("KEY", &key)])
            .env("CLIENTS", clients.to_string())
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/bench/load.js"))
            .output()
            .await?;
        let spent = cpu(cluster)?.saturating_sub(before);
        ensure!(out.status.success(), "k6: {}", String::from_utf8_lossy(&out.stderr));
        let round: Round = serde_json::from_slice(&out.stdout).context("k6's summary")?;
        ensure!(round.failed == 0, "{} requests failed", round.failed);
        let Round { per_second, p50_ms, p99_ms, requests, .. } = round;
        let each = spent.as_micros() / u128::from(requests.max(1));
        println!(
            "| {store} | {} | {op} | {clients} | {per_second:.0} | {p50_ms:.2} ms | {p99_ms:.2} ms \
             | {each} µs |",
            urls.len()
        );
    }
    Ok(())
}

/// What a cluster takes of a machine, and how soon it is back.
async fn kept(cluster: &mut Cluster) -> anyhow::Result<String> {
    let (keeper, nexus) = (resident(&cluster.keepers[0])?, resident(&cluster.nexus)?);
    // A debug build is larger, and measured by nobody but its author.
    let fits = cfg!(debug_assertions) || keeper < KEEPER_CEILING;
    ensure!(fits, "a Keeper takes {keeper:.1} MiB, at most {KEEPER_CEILING}");
    let start = restart(cluster).await?;
    Ok(format!(
        "| what | measured |\n| --- | --- |\n\
         | RSS of a Keeper that holds a shard | {keeper:.1} MiB |\n\
         | RSS of Nexus after the load on SQLite | {nexus:.1} MiB |\n\
         | start of Nexus to ready, Keepers up | {start} ms |"
    ))
}

/// The superuser's SVID as PEM files in the cluster's folder: k6 takes no other form.
async fn export_svid(cluster: &Cluster) -> anyhow::Result<(String, String)> {
    let endpoint = format!("unix://{}", cluster.socket("superuser")?.display());
    let client = spiffe::WorkloadApiClient::connect_to(&endpoint).await?;
    let svid = client.fetch_x509_svid().await?;
    let chain: String =
        svid.cert_chain().iter().map(|c| pem("CERTIFICATE", c.as_bytes())).collect();
    let key = pem("PRIVATE KEY", svid.private_key().as_bytes());
    let (cert_file, key_file) =
        (cluster.folder().join("svid.pem"), cluster.folder().join("key.pem"));
    fs::write(&cert_file, chain)?;
    fs::write(&key_file, key)?;
    Ok((cert_file.display().to_string(), key_file.display().to_string()))
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// Of all Nexus.
fn cpu(cluster: &Cluster) -> anyhow::Result<Duration> {
    cluster.replicas().map(cpu_of).sum()
}

fn cpu_of(server: &Server) -> anyhow::Result<Duration> {
    let pid = server.pid().context("it runs")?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("a process has a name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    Ok(TICK * ticks.sum::<Result<u32, _>>()?)
}

/// MiB in memory.
fn resident(server: &Server) -> anyhow::Result<f64> {
    let pid = server.pid().context("it runs")?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 =
        line.and_then(|l| l.trim().strip_suffix(" kB")).context("VmRSS")?.trim().parse()?;
    Ok(f64::from(u32::try_from(kib)?) / 1024.0)
}

async fn restart(cluster: &mut Cluster) -> anyhow::Result<u128> {
    cluster.nexus.stop().await?;
    let start = Instant::now();
    cluster.nexus.start().await?;
    cluster.nexus.ready().await?;
    Ok(start.elapsed().as_millis())
}
