//! `spike operator`.

mod accept_rollback;
pub(crate) mod recover;
mod restore;
pub(crate) mod shard;

use clap::Subcommand;

use crate::{context::Context, error::CliError};

/// Of the group's help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  spike operator recover --dir /media/usb/spike
  spike operator restore spike.recovery.1.txt spike.recovery.3.txt";

/// Commands for the bad day, and for the good day before it.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Recover(recover::Args),
    Restore(restore::Args),
    AcceptRollback(accept_rollback::Args),
}

impl Command {
    /// Does it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Recover(args) => args.run(context).await,
            Self::Restore(args) => args.run(context).await,
            Self::AcceptRollback(args) => args.run(context).await,
        }
    }
}
