//! The command line. Everything else is told by the environment.

use clap::{Parser, Subcommand};

use crate::{
    bootstrap,
    config::{self, Config},
    schema::{self, SchemaArgs},
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

Settings (environment variables; docs/configuration.md says more of each):
  SPIKE_NEXUS_TLS_PORT      where the API listens                         [default: :8553]
  SPIKE_NEXUS_PROBE_PORT    plain /livez, /readyz, /metrics and /statusz  [default: :8554]
  SPIKE_NEXUS_STORE_URL     sqlite:///path, postgres://… or memory:; or SPIKE_NEXUS_STORE_URL_FILE
  SPIKE_NEXUS_STORE_PASSWORD_FILE, SPIKE_NEXUS_STORE_CA_FILE
                            the password and the authorities of postgres://
  SPIKE_NEXUS_BACKEND_STORE sqlite, postgres, memory or lite             [default: sqlite]
  SPIKE_NEXUS_DATA_DIR      the folder of spike.db               [default: /var/lib/spike]
  SPIKE_NEXUS_KEEPER_PEERS  the Keepers' https URLs in the order of their shards
  SPIKE_NEXUS_KEEPER_UPDATE_INTERVAL
                            how often each Keeper is asked what it holds    [default: 10s]
  SPIKE_NEXUS_SHAMIR_SHARES, SPIKE_NEXUS_SHAMIR_THRESHOLD
                            how the root key is split                     [default: 3, 2]
  SPIKE_NEXUS_SHAMIR_GENERATION
                            counts the wishes for another split              [default: 1]
  SPIKE_BOOTSTRAP_ALLOW_THRESHOLD_ONE
                            accept a threshold of 1                      [default: false]
  SPIKE_BOOTSTRAP_RECIPIENTS
                            the custodians' age public keys, separated by commas
  SPIKE_EXPECTED_CLUSTER_ID refuse the store of another cluster
  SPIKE_NEXUS_MAX_SECRET_VERSIONS
                            versions kept of a path                         [default: 10]
  SPIKE_NEXUS_CRYPTO_MAX_CIPHERTEXT_SIZE
                            the most bytes that are encrypted at once    [default: 65536]
  SPIKE_INSTANCE            <namespace>/<name>, if clusters share a trust domain
  SPIKE_IDENTITY            workload-api, files or kubernetes     [default: workload-api]
  SPIFFE_ENDPOINT_SOCKET    the Workload API [default: unix:///tmp/spire-agent/public/api.sock]
  SPIKE_IDENTITY_{CERT,KEY,BUNDLE}_FILE
                            PEM files, for SPIKE_IDENTITY=files
  SPIKE_IDENTITY_AUTHORITY  the authority's https URL, for SPIKE_IDENTITY=kubernetes
  SPIKE_IDENTITY_{TOKEN,BUNDLE}_FILE
                            a token and the authority's roots, for SPIKE_IDENTITY=kubernetes
  SPIKE_TRUST_ROOT_{NEXUS,KEEPER,BOOTSTRAP,PILOT,LITE_WORKLOAD,OPERATOR}
                            trust domains, separated by commas       [default: spike.ist]
  SPIKE_AUDIT               stdout or file:/path                        [default: stdout]
  SPIKE_AUDIT_SYNC          group (fdatasync) or os                      [default: group]
  SPIKE_DRAIN               how long requests may finish after SIGTERM      [default: 20s]
  SPIKE_REQUIRE_MLOCK       refuse to run if memory can't be locked       [default: false]
  SPIKE_SYSTEM_LOG_LEVEL    debug, info, warn or error                    [default: info]

All wrong settings are reported at once. SIGTERM drains and stops; a second one stops at once.";

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
    Schema(SchemaArgs),
}

impl Args {
    /// Does what the command line says.
    pub async fn run(self) -> anyhow::Result<()> {
        spike_identity::install_crypto();
        let check = self.check_config;
        match self.command.unwrap_or(Command::Serve { bootstrap: false }) {
            Command::Store(StoreCommand::Schema(args)) => {
                let store = config::store_from_process()?;
                if check {
                    say("The store's configuration is right.");
                    return Ok(());
                }
                schema::run(args, store).await
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
