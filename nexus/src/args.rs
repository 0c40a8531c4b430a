//! The command line. Everything else is told by the environment.

use clap::{Parser, Subcommand};

use crate::{
    bootstrap,
    config::{self, Config},
    schema::{self, SchemaCommand},
    serve,
};

const EXAMPLES: &str = "\
Examples:
  Try it out, with nothing kept (identities by the SPIFFE Workload API):
    SPIKE_NEXUS_BACKEND_STORE=memory nexus

  A store on disk and three Keepers:
    export SPIKE_NEXUS_STORE_URL=sqlite:///var/lib/spike/spike.db
    export SPIKE_NEXUS_KEEPER_PEERS=https://k-1:8443,https://k-2:8443,https://k-3:8443
    nexus --check-config && nexus bootstrap && nexus

  A store that several Nexus share (nexus store schema --help says who makes it):
    export SPIKE_NEXUS_STORE_URL=postgres://spike_nexus@db-1,db-2/spike
    export SPIKE_NEXUS_STORE_PASSWORD_FILE=/run/secrets/password
    export SPIKE_NEXUS_STORE_CA_FILE=/run/secrets/ca.pem

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

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Serve the API (what happens without a subcommand)
    Serve {
        /// First make the root key, unless there is one
        #[arg(long)]
        bootstrap: bool,
    },
    /// Make the root key and give its shards to the Keepers, exactly once per cluster
    Bootstrap,
    /// Look after the store
    #[command(subcommand)]
    Store(StoreCommand),
}

#[derive(Clone, Debug, Subcommand)]
enum StoreCommand {
    /// Bring a database to what this version needs
    #[command(subcommand)]
    Schema(SchemaCommand),
}

impl Args {
    /// Does what the command line says.
    pub async fn run(self) -> anyhow::Result<()> {
        spike_identity::install_crypto();
        let check = self.check_config;
        match self.command.unwrap_or(Command::Serve { bootstrap: false }) {
            Command::Store(StoreCommand::Schema(command)) => {
                let store = config::store_from_process()?;
                if check {
                    say("The store's configuration is right.");
                    return Ok(());
                }
                schema::run(command, store).await
            }
            Command::Serve { bootstrap } => match configuration(check)? {
                Some(config) => Box::pin(serve::run(config, bootstrap)).await,
                None => Ok(()),
            },
            Command::Bootstrap => match configuration(check)? {
                Some(config) => bootstrap::run(config).await,
                None => Ok(()),
            },
        }
    }
}

/// The configuration, unless it was only to be checked.
fn configuration(check: bool) -> anyhow::Result<Option<Config>> {
    let config = Config::from_process()?;
    if check {
        announce(&config);
    }
    Ok((!check).then_some(config))
}

fn announce(config: &Config) {
    say(&format!("The configuration is right: {config}"));
}

#[expect(clippy::print_stdout, reason = "the answer to --check-config")]
fn say(answer: &str) {
    println!("{answer}");
}
