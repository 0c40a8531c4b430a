//! Measures what committing in groups is worth: 64 writers against one, on the same disk.
//!
//! ```sh
//! cargo run --example group_commit_sqlite [directory]
//! ```
//!
//! Exits with a failure if 64 writers don't reach five times the commits of one.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::{
    env,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use spike_store::{
    Manage, Secrets,
    conformance::samples::{call, key, keyed, record, step, version},
};
use spike_store_sqlite::{Options, SqliteStore};
use tokio::task::JoinSet;

/// How long each measurement takes, and how many there are of each kind.
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;

const WRITERS: u64 = 64;
const BAR: f64 = 5.0;

#[tokio::main]
async fn main() -> ExitCode {
    let parent = env::args_os().nth(1).map_or_else(env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(&parent).expect("a directory");
    let file = directory.path().join("bench.db");
    let store = Arc::new(SqliteStore::open(&file, Options::default()).await.expect("a store"));
    let (mut alone, mut together) = (0.0_f64, 0.0_f64);
    for round in 0..ROUNDS {
        alone = alone.max(rate(&store, &format!("{round}/one"), 1).await);
        together = together.max(rate(&store, &format!("{round}/many"), WRITERS).await);
    }
    store.close().await;
    let ratio = together / alone;
    println!("1 writer:   {alone:>8.0} commits/s");
    println!("{WRITERS} writers: {together:>8.0} commits/s");
    println!("ratio:      {ratio:>8.1} (at least {BAR})");
    if ratio >= BAR { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Commits per second of so many writers, each with a path of its own and a key for each write.
async fn rate(store: &Arc<SqliteStore>, name: &str, writers: u64) -> f64 {
    let begun = Instant::now();
    let tasks: JoinSet<u64> = (0..writers)
        .map(|writer| {
            let (store, at) = (store.clone(), format!("{name}/{writer}"));
            async move {
                let mut from = 0;
                while begun.elapsed() < ROUND {
                    let mut commit = step(&at, from);
                    commit.puts = vec![(version(from + 1), record("x".repeat(272)))];
                    let named = key(hash(&at, from));
                    store.commit(&call(), keyed([commit], named)).await.expect("a commit");
                    from += 1;
                }
                from
            }
        })
        .collect();
    let commits: u64 = tasks.join_all().await.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "a rate is rounded anyway")]
    let commits = commits as f64;
    commits / begun.elapsed().as_secs_f64()
}

/// Another key for each write.
fn hash(at: &str, from: u64) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (at, from).hash(&mut hasher);
    hasher.finish()
}
