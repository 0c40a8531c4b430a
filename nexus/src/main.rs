//! SPIKE Nexus: serves secrets to workloads that prove who they are.

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    spike_nexus::Args::parse().run().await
}
