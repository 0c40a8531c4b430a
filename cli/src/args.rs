//! The command line as a whole.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::{
    agent, audit, completion,
    context::{Context, Flags},
    dev,
    error::CliError,
    man,
    remote::Remote,
    status,
};

/// SPIKE - Secure your secrets with SPIFFE.
///
/// Every command proves who you are with the X.509-SVID of your workload: there is no password and
/// no token. What you may do is decided by Nexus.
#[derive(Debug, Parser)]
#[command(
    name = "spike",
    version,
    propagate_version = false,
    after_help = AFTER_HELP,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Args {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Identity (environment):
  SPIFFE_ENDPOINT_SOCKET  the SPIFFE Workload API
                          [default: unix:///tmp/spire-agent/public/api.sock]
  SPIKE_IDENTITY=files    with SPIKE_IDENTITY_{CERT,KEY,BUNDLE}_FILE: PEM files instead
  SPIKE_TRUST_ROOT_NEXUS  the trust domains in which Nexus is believed [default: spike.ist]
  SPIKE_INSTANCE          <namespace>/<name> of one cluster among several

Exit status:
  0 done  1 failed  2 usage  3 denied  4 missing  5 conflict  6 unavailable

Examples:
  spike secret put tenants/acme/db user=root password=@password.txt
  spike secret get tenants/acme/db password
  spike policy apply --file policy.yaml
  spike status";

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Remote(Remote),
    Status(status::Args),
    /// Check audit files.
    #[command(subcommand, after_help = audit::EXAMPLES)]
    Audit(audit::Command),
    Dev(dev::Args),
    Agent(agent::Args),
    Completion(completion::Args),
    #[command(hide = true)]
    Man(man::Args),
}

impl Args {
    /// Does what was asked and says how it ended.
    pub async fn run(self) -> ExitCode {
        spike_identity::install_crypto();
        match self.command.run(&self.flags.into()).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => error.report(),
        }
    }
}

impl Command {
    async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Remote(command) => command.run(context).await,
            Self::Status(args) => args.run(context).await,
            Self::Audit(command) => command.run(),
            Self::Dev(args) => args.run().await,
            Self::Agent(args) => args.run().await,
            Self::Completion(args) => args.run(),
            Self::Man(args) => args.run(Args::command()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn look(command: &clap::Command, path: &str) {
            let shown =
                command.get_after_help().is_some_and(|help| help.to_string().contains("xamples:"));
            assert!(shown || command.is_hide_set(), "{path}");
            for sub in command.get_subcommands() {
                look(sub, &format!("{path} {}", sub.get_name()));
            }
        }
        look(&Args::command(), "spike");
    }
}
