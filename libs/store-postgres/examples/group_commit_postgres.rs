//! Measures what committing in groups is worth: 64 writers against one, on a server of its own; and
//! how many reads 64 readers get through it, batched.
//!
//! ```sh
//! cargo run --example group_commit_postgres
//! ```
//!
//! Exits with a failure if 64 writers don't reach five times the commits of one.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use spike_store::{
    Manage, Secrets, Select,
    batched::{Batched, Limits},
    conformance::samples::{call, key, keyed, path, record, step, version},
};
use spike_store_postgres::{Options, PostgresStore, connect, schema};
use spike_testbed_postgres::Server;
use tokio::task::JoinSet;

/// How long each measurement takes, and how many there are of each kind.
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;

const WRITERS: u64 = 64;
const BAR: f64 = 5.0;

/// Paths to read, and who reads them.
const PATHS: u64 = 1_000;
const READERS: u64 = 64;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let server = Server::start(spike_testbed_postgres::Options::default()).await?;
    let options = Options::parse(&server.url("spike"))?.ca_file(server.ca_file());
    schema::expand(&mut connect(&options).await?).await?;
    let store = Arc::new(PostgresStore::open(options).await?);
    let (mut alone, mut together) = (0.0_f64, 0.0_f64);
    for round in 0..ROUNDS {
        alone = alone.max(writes(&store, &format!("{round}/one"), 1).await?);
        together = together.max(writes(&store, &format!("{round}/many"), WRITERS).await?);
    }
    let ratio = together / alone;
    println!("1 writer:   {alone:>8.0} commits/s");
    println!("{WRITERS} writers: {together:>8.0} commits/s");
    println!("ratio:      {ratio:>8.1} (at least {BAR})");

    let batched = Batched::new(store, Limits::default());
    fill(&batched).await?;
    println!("{READERS} readers: {:>8.0} reads/s", reads(&batched).await?);
    batched.close().await;
    Ok(if ratio >= BAR { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Commits per second of so many writers, each with a path of its own and a key for each write.
async fn writes(store: &Arc<PostgresStore>, name: &str, writers: u64) -> Result<f64> {
    let begun = Instant::now();
    let writer = |number| {
        let (store, at) = (store.clone(), format!("{name}/{number}"));
        async move {
            let mut from = 0;
            while begun.elapsed() < ROUND {
                let mut commit = step(&at, from);
                commit.puts = vec![(version(from + 1), record("x".repeat(272)))];
                let named = key(hash(&at, from));
                store.commit(&call(), keyed([commit], named)).await?;
                from += 1;
            }
            Ok(from)
        }
    };
    rate((0..writers).map(writer).collect(), begun).await
}

async fn fill(store: &Batched<PostgresStore>) -> Result<()> {
    let put = |number| {
        let (store, at) = (store.clone(), format!("read/{number}"));
        async move {
            store.commit(&call(), keyed([step(&at, 0)], key(hash(&at, 0)))).await?;
            Ok(1)
        }
    };
    rate((0..PATHS).map(put).collect(), Instant::now()).await.map(drop)
}

/// Reads per second of all readers together, one path each time.
async fn reads(store: &Batched<PostgresStore>) -> Result<f64> {
    let begun = Instant::now();
    let reader = |reader: u64| {
        let store = store.clone();
        async move {
            let mut done = 0;
            while begun.elapsed() < ROUND {
                let at = path(&format!("read/{}", (reader * 7_919 + done * 104_729) % PATHS));
                store.read(&call(), &[(at, Select::Current)]).await?;
                done += 1;
            }
            Ok(done)
        }
    };
    rate((0..READERS).map(reader).collect(), begun).await
}

/// What the tasks have done together, per second.
async fn rate(mut tasks: JoinSet<Result<u64>>, begun: Instant) -> Result<f64> {
    let mut done = 0;
    while let Some(one) = tasks.join_next().await {
        done += one??;
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate is rounded anyway")]
    let done = done as f64;
    Ok(done / begun.elapsed().as_secs_f64())
}

/// Another key for each write.
fn hash(at: &str, from: u64) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (at, from).hash(&mut hasher);
    hasher.finish()
}
