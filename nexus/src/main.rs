//! SPIKE Nexus: serves secrets to workloads that prove who they are.

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    spike_runtime::process::exit(spike_nexus::Args::parse().run().await)
}
