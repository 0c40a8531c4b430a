//! Measures on a cluster's real pods how long it takes from an applied manifest to a cluster that is ready,
//! and prints a table for docs/benchmarks.md.
//!
//! Ready is what people are told: the condition, and nothing left to do. Run by `make bench-pods`.

#![allow(clippy::print_stdout, reason = "its output is the result")]

use std::time::Duration;

use spike_testbed_kubernetes::{Demo, IMAGE, Manifest, Namespace, Person, Postgres, install};
use tokio::time::Instant;

/// How often each is done.
const TIMES: usize = 5;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let first = Namespace::create("bench").await?;
    install(&first, IMAGE).await?;
    // By then the image is on every node.
    on_sqlite().await?;
    println!("| figure | {TIMES} times, sorted |\n| --- | --- |");
    let mut sqlite = Vec::new();
    for _ in 0..TIMES {
        sqlite.push(on_sqlite().await?);
    }
    say("one Nexus on SQLite, three Keepers: from apply to Ready", sqlite);
    let (mut empty, mut again) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let (first, second) = on_postgres().await?;
        empty.push(first);
        again.push(second);
    }
    say("three Nexus on PostgreSQL, three Keepers: from apply to Ready", empty);
    say("from Ready to a secret that was written and read", again);
    first.delete().await
}

fn say(figure: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let times: Vec<_> = times.iter().map(|time| format!("{:.1}", time.as_secs_f64())).collect();
    println!("| {figure} | {} s |", times.join(", "));
}

async fn on_sqlite() -> anyhow::Result<Duration> {
    let namespace = Namespace::create("bench-sqlite").await?;
    let since = Instant::now();
    let demo = Demo::apply_only(&namespace, &Manifest::on_sqlite()).await?;
    demo.until_settled().await;
    let ready = since.elapsed();
    namespace.delete().await?;
    Ok(ready)
}

/// The second time is that of a secret's first way there and back, with the command-line client's start.
async fn on_postgres() -> anyhow::Result<(Duration, Duration)> {
    let namespace = Namespace::create("bench-postgres").await?;
    Postgres::start(&namespace, None).await?;
    let since = Instant::now();
    let demo = Demo::apply_only(&namespace, &Manifest::on_postgres(3)).await?;
    demo.until_settled().await;
    let ready = since.elapsed();
    let superuser = Person::superuser(&namespace).await?;
    let since = Instant::now();
    superuser.put("db/password", "correct horse").await?;
    anyhow::ensure!(superuser.get("db/password").await? == "correct horse", "another secret");
    let secret = since.elapsed();
    namespace.delete().await?;
    Ok((ready, secret))
}
