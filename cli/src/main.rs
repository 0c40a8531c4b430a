//! The `spike` command.

use clap::Parser;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    spike_cli::Args::parse().run().await
}
