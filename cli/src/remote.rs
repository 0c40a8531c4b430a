//! The commands that speak to a Nexus, for any program that can open a door to one.

use std::path::PathBuf;

use clap::{ArgMatches, Command as Clap, FromArgMatches, Subcommand};
use spike_core::Role;

use crate::{cipher, context::Context, error::CliError, operator, policy, secret};

/// A command that speaks to a Nexus.
#[derive(Debug)]
pub struct Remote(Command);

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Manage secrets.
    #[command(subcommand, after_help = secret::EXAMPLES)]
    Secret(secret::Command),
    /// Manage policies.
    #[command(subcommand, after_help = policy::EXAMPLES)]
    Policy(policy::Command),
    /// Encrypt and decrypt data using SPIKE Nexus.
    #[command(subcommand, after_help = cipher::EXAMPLES)]
    Cipher(cipher::Command),
    /// Manage admin operations.
    #[command(subcommand, after_help = operator::EXAMPLES)]
    Operator(operator::Command),
}

impl Remote {
    /// `operator restore`, with shards in these files or, without any, from standard input.
    pub fn restore(files: Vec<PathBuf>, identities: Vec<PathBuf>, one_by_one: bool) -> Self {
        Self(Command::Operator(operator::Command::restore(files, identities, one_by_one)))
    }

    /// The role that may do it, whatever else a policy allows.
    pub fn role(&self) -> Role {
        match &self.0 {
            Command::Operator(command) => command.role(),
            Command::Secret(_) | Command::Policy(_) | Command::Cipher(_) => Role::Superuser,
        }
    }

    /// Does it.
    pub async fn run(self, context: &Context) -> Result<(), CliError> {
        match self.0 {
            Command::Secret(command) => command.run(context).await,
            Command::Policy(command) => command.run(context).await,
            Command::Cipher(command) => command.run(context).await,
            Command::Operator(command) => command.run(context).await,
        }
    }
}

impl FromArgMatches for Remote {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Command::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl Subcommand for Remote {
    fn augment_subcommands(command: Clap) -> Clap {
        Command::augment_subcommands(command)
    }

    fn augment_subcommands_for_update(command: Clap) -> Clap {
        Command::augment_subcommands_for_update(command)
    }

    fn has_subcommand(name: &str) -> bool {
        Command::has_subcommand(name)
    }
}
