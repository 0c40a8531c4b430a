//! `spike audit`.

mod verify;

use clap::Subcommand;

use crate::error::CliError;

/// Of the group's help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  spike audit verify /var/log/spike/audit.log --key 2:9f0c…";

/// Commands for audit logs. They need no server.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Verify(verify::Args),
}

impl Command {
    /// Does it.
    pub(crate) fn run(self) -> Result<(), CliError> {
        match self {
            Self::Verify(args) => args.run(),
        }
    }
}
