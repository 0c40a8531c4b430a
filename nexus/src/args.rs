//! The command line. Everything else is told by the environment.

use clap::{Parser, Subcommand};

use crate::{bootstrap, config::Config, serve};

const EXAMPLES: &str = "\
Examples:
  Try it out, with nothing kept (identities by the SPIFFE Workload API):
    SPIKE_NEXUS_BACKEND_STORE=memory nexus

  A store on disk and three Keepers:
    export SPIKE_NEXUS_STORE_URL=sqlite:///var/lib/spike/spike.db
    export SPIKE_NEXUS_KEEPER_PEERS=https://k-1:8443,https://k-2:8443,https://k-3:8443
    nexus --check-config && nexus bootstrap && nexus

Every setting is an environment variable; docs/configuration.md lists them.";

/// SPIKE Nexus: serves secrets to workloads that prove who they are.
#[derive(Debug, Parser)]
#[command(name = "nexus", version, after_help = EXAMPLES)]
pub struct Args {
    /// Only say whether the environment is right, naming every problem
    #[arg(long, global = true)]
    check_config: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Command {
    /// Serve the API (what happens without a subcommand)
    Serve {
        /// First make the root key, unless there is one
        #[arg(long)]
        bootstrap: bool,
    },
    /// Make the root key and give its shards to the Keepers, exactly once per cluster
    Bootstrap,
}

impl Args {
    /// Does what the command line says.
    pub async fn run(self) -> anyhow::Result<()> {
        spike_identity::install_crypto();
        let config = Config::from_process()?;
        if self.check_config {
            announce(&config);
            return Ok(());
        }
        match self.command {
            Some(Command::Bootstrap) => bootstrap::run(config).await,
            Some(Command::Serve { bootstrap }) => Box::pin(serve::run(config, bootstrap)).await,
            None => Box::pin(serve::run(config, false)).await,
        }
    }
}

#[expect(clippy::print_stdout, reason = "the answer to --check-config")]
fn announce(config: &Config) {
    println!("The configuration is right: {config}");
}
