//! SPIKE Keeper: holds one Shamir shard in memory.

use std::process::ExitCode;

use clap::Parser;

/// One thread is enough, and keeps the process small.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    spike_runtime::process::exit(spike_keeper::Args::parse().run().await)
}
