//! The command line. Settings are environment variables: a pod has no command line worth editing.

use clap::{Parser, Subcommand};
use spike_runtime::{Env, logs};

use crate::{config::Config, serve};

const VARIABLES: &str = "\
Settings (environment variables):
  SPIKE_KEEPER_TLS_PORT     where Nexus and Bootstrap connect           [default: :8443]
  SPIKE_KEEPER_PROBE_PORT   plain /livez, /readyz and /metrics          [default: :8444]
  SPIKE_KEEPER_INDEX        which shard it holds, 1 to 255    [default: pod ordinal + 1]
  SPIKE_INSTANCE            <namespace>/<name>, if clusters share a trust domain
  SPIKE_IDENTITY            workload-api, files or kubernetes   [default: workload-api]
  SPIFFE_ENDPOINT_SOCKET    the Workload API [default: unix:///tmp/spire-agent/public/api.sock]
  SPIKE_IDENTITY_{CERT,KEY,BUNDLE}_FILE
                            PEM files, for SPIKE_IDENTITY=files
  SPIKE_IDENTITY_AUTHORITY  the authority's https URL, for SPIKE_IDENTITY=kubernetes
  SPIKE_IDENTITY_{TOKEN,BUNDLE}_FILE
                            a token and the authority's roots, for SPIKE_IDENTITY=kubernetes
  SPIKE_TRUST_ROOT_{NEXUS,KEEPER,BOOTSTRAP,PILOT,LITE_WORKLOAD,OPERATOR}
                            trust domains, separated by commas     [default: spike.ist]
  SPIKE_AUDIT               stdout or file:/path                      [default: stdout]
  SPIKE_AUDIT_SYNC          group (fdatasync) or os                    [default: group]
  SPIKE_DRAIN               how long requests may finish after SIGTERM    [default: 20s]
  SPIKE_REQUIRE_MLOCK       refuse to run if memory can't be locked     [default: false]
  SPIKE_SYSTEM_LOG_LEVEL    debug, info, warn or error                  [default: info]

All wrong settings are reported at once. SIGTERM drains and stops; a second one stops at once.";

/// Holds one shard of the root key in memory. Part of Spike.
#[derive(Debug, Parser)]
#[command(name = "keeper", version, after_help = VARIABLES)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Check the settings, tell every problem, and exit.
    #[arg(long, global = true)]
    check_config: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM (the default).
    Serve,
}

impl Args {
    /// Runs the Keeper until it is asked to stop.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut env = Env::from_process();
        let level = logs::level(&mut env);
        logs::init(level);
        let config = Config::read(&mut env);
        env.finish()?;
        if self.check_config {
            #[expect(clippy::print_stdout, reason = "the answer of --check-config")]
            {
                println!("the configuration is valid: {}", config.summary());
            }
            return Ok(());
        }
        let Command::Serve = self.command.unwrap_or(Command::Serve);
        serve::run(config).await
    }
}
