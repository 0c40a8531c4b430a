//! Measures the operator on a real API server and prints a table for docs/benchmarks.md.
//!
//! `operator` runs as a process of its own, with the rights of `config/` and no others. What it asked is
//! counted by the API server's audit, and what it takes by /proc. No pod runs: what a thousand clusters
//! cost is what is measured. Run by `make bench-operator`; `BENCH_CLUSTERS` says how many.

#![allow(clippy::print_stdout, reason = "its output is the result")]

#[path = "many_clusters/audit.rs"]
mod audit;
#[path = "many_clusters/process.rs"]
mod process;
#[path = "many_clusters/world.rs"]
mod world;

use std::time::Duration;

use audit::Requests;
use tokio::time::{Instant, sleep};
use world::World;

/// How many clusters there are, if nobody says.
const CLUSTERS: usize = 1000;

/// How many are made one after another, each to be timed.
const TIMED: usize = 20;

/// After this without a write of the operator all is settled. Longer than a Deployment may take to come
/// up: none does here, and that is said once.
const SETTLED: Duration = Duration::from_secs(330);

/// How long the steady state is watched: as long as any look is believed, so that each is in it.
const STEADY: Duration = Duration::from_mins(5);

/// A figure and what was measured.
fn say(figure: &str, value: &str) {
    println!("| {figure} | {value} |");
}

fn milliseconds(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1000.0)
}

fn mebibytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "to one digit")]
    let size = bytes as f64 / f64::from(1 << 20);
    format!("{size:.1} MiB")
}

#[expect(clippy::cast_precision_loss, reason = "counts, to two digits")]
fn per(count: usize, of: f64) -> String {
    format!("{:.2}", count as f64 / of)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let clusters = std::env::var("BENCH_CLUSTERS").ok().and_then(|text| text.parse().ok());
    let clusters = clusters.unwrap_or(CLUSTERS);
    let mut world = World::start().await?;
    println!("| figure | measured |\n| --- | --- |");

    world.lead().await?;
    sleep(Duration::from_secs(20)).await;
    say("RSS, nothing to do", &mebibytes(world.operator().memory()?));

    let mut times = Vec::new();
    for n in 0..TIMED {
        let since = Instant::now();
        world.apply(n).await?;
        world.until_made(n).await?;
        times.push(since.elapsed());
    }
    times.sort_unstable();
    let at = |place: usize| times.get(place).copied().map_or_else(String::new, milliseconds);
    let text = format!("{}, at most {}", at(TIMED / 2), at(TIMED - 1));
    say(&format!("from apply to every object, {TIMED} times"), &text);

    let since = Instant::now();
    for n in TIMED..clusters {
        world.apply(n).await?;
    }
    for n in TIMED..clusters {
        world.until_made(n).await?;
    }
    let all = since.elapsed().as_secs_f64();
    say(
        &format!("{} clusters applied at once, until all are there", clusters - TIMED),
        &format!("{all:.0} s"),
    );

    world.until_settled(SETTLED).await?;
    let (before, begun) = (world.operator().usage().await?, world.mark()?);
    sleep(STEADY).await;
    let after = world.operator().usage().await?;
    let steady = Requests::of(&world.requests_since(begun)?);
    let (count, windows) = (f64::from(u32::try_from(clusters)?), STEADY.as_secs_f64() / 30.0);
    say(&format!("RSS, {clusters} clusters"), &mebibytes(world.operator().memory()?));
    say("API writes at steady state", &steady.writes.len().to_string());
    say("API reads per cluster in 30 s at steady state", &per(steady.reads, count * windows));
    let reconciles = after.reconciles - before.reconciles;
    say("reconciles per second at steady state", &per(reconciles, STEADY.as_secs_f64()));
    let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
    let each = cpu * 1e6 / f64::from(u32::try_from(reconciles)?);
    say(
        "CPU at steady state",
        &format!(
            "{:.2} % of a core, {each:.0} µs per reconcile",
            cpu * 100.0 / STEADY.as_secs_f64()
        ),
    );
    for write in &steady.writes {
        eprintln!("a write at steady state: {write}");
    }

    world.stop().await?;
    let begun = world.mark()?;
    world.lead().await?;
    let since = Instant::now();
    world.until_looked(begun, clusters).await?;
    let (took, all) = (since.elapsed().as_secs_f64(), world.operator().usage().await?);
    let (looked, used) = (all.reconciles, all.cpu.as_secs_f64());
    let first = world::first_look(&world.requests_since(begun)?)?;
    say(
        &format!("from leadership to the first reconcile, {clusters} clusters"),
        &milliseconds(first),
    );
    let asked = Requests::of(&world.requests_since(begun)?).reads;
    let text = format!(
        "{took:.1} s: {} reconciles and {} reads per second; {asked} reads in all, {:.1} ms of CPU each \
         reconcile",
        per(looked, took),
        per(asked, took),
        used * 1e3 / f64::from(u32::try_from(looked)?),
    );
    say("from leadership until all were looked at, reading everything", &text);
    let gap = audit::longest_reign(&world.requests_since(begun)?);
    say("longest time between two renewals of the Lease meanwhile", &milliseconds(gap));
    say("RSS after that", &mebibytes(world.operator().memory()?));

    let touched = world.touch_all(clusters).await?;
    say("reconciles that nothing has to be read for", &touched);
    crowded(&mut world, clusters).await?;
    world.end().await
}

/// One more cluster is applied when all the others have just begun to be looked at anew.
async fn crowded(world: &mut World, clusters: usize) -> anyhow::Result<()> {
    world.stop().await?;
    let begun = world.mark()?;
    world.lead().await?;
    let since = Instant::now();
    world.apply(clusters).await?;
    world.until_made(clusters).await?;
    let made = milliseconds(since.elapsed());
    let looked = world.operator().usage().await?.reconciles;
    world.until_looked(begun, clusters).await?;
    let all = milliseconds(since.elapsed());
    let figure = "from apply to every object, just after a change of leader";
    say(
        figure,
        &format!("{made}; {looked} reconciles by then, all clusters looked at after {all}"),
    );
    Ok(())
}
