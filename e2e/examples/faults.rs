//! Lets everything happen to PostgreSQL that can, under load, and prints a table for
//! docs/benchmarks.md: what clients saw, and how long until all was well again.
//!
//! Run by `make bench`. The same faults are tests in `tests/postgres_faults.rs`.

#![allow(clippy::print_stdout, reason = "its output is the result")]

use std::time::Duration;

use anyhow::ensure;
use spike_e2e::{
    fault::{Fault, Finding},
    load::Load,
    stage::{Scene, Stage},
};
use spike_testbed_postgres::{Disk, Options};

/// How long each fault lasts.
const LASTS: Duration = Duration::from_secs(6);

/// What happens, in words, in the order of the table.
const FAULTS: [(Fault, &str); 12] = [
    (Fault::Killed, "SIGKILL of the server, started again"),
    (Fault::Restarted, "server stopped in order, started again"),
    (Fault::Frozen, "whole server stopped by SIGSTOP"),
    (Fault::StalledBackends, "its serving processes stopped by SIGSTOP"),
    (Fault::Slow, "network of 100 ms each way, 64 KiB/s"),
    (Fault::Reset, "every connection reset"),
    (Fault::HalfOpen, "every connection silently dead"),
    (Fault::Corrupt, "a flipped bit in each piece from the server"),
    (Fault::Exhausted, "all connections taken by others"),
    (Fault::ReadOnly, "server takes no writes"),
    (Fault::DiskFull, "server's disk full"),
    (Fault::FailedOver, "server lost, synchronous standby promoted"),
];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    println!(
        "| fault ({LASTS:?}) | answers/s before, during, after | failed, by what clients saw | first answer | 80 % of goodput | connections |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for (fault, words) in FAULTS {
        if fault == Fault::DiskFull && !Disk::can_be_small() {
            println!("| {words} | not measured: no small filesystem can be mounted here | | | | |");
            continue;
        }
        let disk = if fault == Fault::DiskFull { Disk::Data(160) } else { Disk::Shared };
        let server = Options { disk, ..Options::default() };
        let standby = fault == Fault::FailedOver;
        let scene = Scene { replicas: 3, standby, server, ..Scene::default() };
        let mut stage = Stage::start(scene).await?;
        let finding = stage.suffer(fault, LASTS, Load::named("bench")).await?;
        ensure!(finding.broken.is_empty(), "{fault:?}: {:?}", finding.broken);
        println!("| {words} | {}", row(&finding, stage.most_connections()));
    }
    Ok(())
}

fn row(finding: &Finding, most: usize) -> String {
    let [before, during, after] = finding.goodput;
    let failures = finding.history.failures();
    let failed: Vec<_> = failures.iter().map(|(kind, count)| format!("{count} × {kind}")).collect();
    let failed = if failed.is_empty() { "none".to_owned() } else { failed.join(", ") };
    let since = |time: Option<Duration>| match time {
        Some(time) => format!("{:.2} s", time.as_secs_f64()),
        None => "not seen".to_owned(),
    };
    format!(
        "{before:.0}, {during:.0}, {after:.0} | {failed} | {} | {} | {} of {most} |",
        since(finding.first_answer),
        since(finding.recovery),
        finding.connections,
    )
}
