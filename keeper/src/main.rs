//! SPIKE Keeper: holds one Shamir shard in memory.
use clap::Parser;

/// One thread is enough, and keeps the process small.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    spike_keeper::Args::parse().run().await
}
