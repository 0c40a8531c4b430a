//! `spike dev`: a whole cluster on this machine, from the manifest that Kubernetes takes.
//!
//! It starts the real `nexus` and `keeper` programs that lie beside `spike`, and a development
//! authority that serves the real SPIFFE Workload API: what runs here is what production runs, but
//! for one thing: unless the manifest names custodians, recovery shards lie in plain files, so that a
//! laptop can be switched off.

mod background;
mod bringup;
mod caution;
mod checks;
mod cluster;
mod console;
mod control;
mod custody;
mod demo;
mod env;
mod exec;
mod home;
mod identity;
mod laptop;
mod launch;
mod plan;
mod ports;
mod probe;
mod server;
mod shards;
mod status;
mod stop;
mod supervise;
mod up;

use std::path::PathBuf;

use clap::Subcommand;

use crate::error::CliError;

/// Run a whole cluster on this machine.
///
/// Starts the real `nexus` and `keeper` programs that lie beside `spike`, with identities of a
/// development authority, and keeps them running until Ctrl-C. Everything is in one directory.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: up::Args,
}

const EXAMPLES: &str = "\
Examples:
  spike dev
  eval \"$(spike dev env --role superuser)\"
  spike dev stop";

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the cluster and keep it running (also without a command).
    #[command(after_help = up::EXAMPLES)]
    Up(up::Args),
    /// Print the environment in which `spike` and your programs use the cluster.
    #[command(after_help = env::EXAMPLES)]
    Env(env::Args),
    /// Show what runs.
    #[command(after_help = status::EXAMPLES)]
    Status(status::Args),
    /// Stop the cluster; everything is kept for the next start.
    #[command(after_help = stop::EXAMPLES)]
    Stop(stop::Args),
    /// Give programs identities.
    #[command(subcommand, after_help = identity::EXAMPLES)]
    Identity(identity::Command),
    Demo(demo::Args),
    /// Run a program that dies with this process's parent.
    #[command(hide = true)]
    Exec(exec::Args),
}

/// Where a cluster lives.
#[derive(Clone, Debug, clap::Args)]
struct Place {
    /// The directory of the cluster: manifest, data, identities, logs.
    #[arg(long, value_name = "DIR", default_value = ".spike")]
    dir: PathBuf,
}

impl Args {
    /// Does what was asked.
    pub(crate) async fn run(self) -> Result<(), CliError> {
        match self.command.unwrap_or(Command::Up(self.up)) {
            Command::Up(args) => args.run().await,
            Command::Env(args) => args.run().await,
            Command::Status(args) => args.run().await,
            Command::Stop(args) => args.run().await,
            Command::Identity(command) => command.run().await,
            Command::Demo(args) => args.run().await,
            Command::Exec(args) => args.run(),
        }
    }
}
