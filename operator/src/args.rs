//! The command line. Everything else is told by the environment.

use clap::{Parser, Subcommand};
use spike_runtime::{Env, logs};

use crate::{Config, authority, run};

const VARIABLES: &str = "\
In a cluster both find the Kubernetes API by their ServiceAccount; elsewhere by KUBECONFIG.
docs/operator.md lists the environment variables.";

/// Makes of a `SpikeCluster` a secrets store that keeps its quorum. Part of Spike.
#[derive(Debug, Parser)]
#[command(name = "operator", version, after_help = VARIABLES)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Check the settings, tell every problem, and exit.
    #[arg(long, global = true)]
    check_config: bool,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Command {
    /// Reconcile `SpikeCluster`s (the default).
    Run,
    /// Prove identities in a cluster that has no SPIRE.
    Authority,
}

impl Args {
    /// Runs until it is asked to stop.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut env = Env::from_process();
        logs::init(logs::level(&mut env));
        match self.command.unwrap_or(Command::Run) {
            Command::Authority => {
                let config = authority::Config::read(&mut env);
                env.finish()?;
                if self.check_config {
                    return announce(&format!("the authority of {}", config.instance));
                }
                Box::pin(authority::run(config)).await
            }
            Command::Run => {
                let config = Config::read(&mut env);
                env.finish()?;
                if self.check_config {
                    return announce(&format!("clusters run {}", config.site.image));
                }
                Box::pin(run::run(config)).await
            }
        }
    }
}

#[expect(clippy::print_stdout, reason = "the answer of --check-config")]
#[expect(clippy::unnecessary_wraps, reason = "it ends a run")]
fn announce(what: &str) -> anyhow::Result<()> {
    println!("the configuration is valid: {what}");
    Ok(())
}
