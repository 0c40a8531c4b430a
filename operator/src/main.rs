//! Spike's Kubernetes operator, and the authority of clusters without SPIRE.

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    spike_runtime::process::exit(spike_operator::Args::parse().run().await)
}
