//! A Kubernetes of namespaces on this machine: `spike-kubernetes run`.

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    spike_testbed_kubernetes::Args::parse().run().await
}
