//! `spike operator`.

mod accept_rollback;
mod drill;
pub(crate) mod hand;
mod keys;
pub(crate) mod recover;
mod reshare;
mod restore;
pub(crate) mod shard;

use std::path::PathBuf;

use clap::Subcommand;
use spike_core::Role;

use crate::{context::Context, error::CliError};

/// Of the group's help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  spike operator recover --dir /media/usb/spike
  spike operator drill spike.recovery.1.txt spike.recovery.3.txt
  spike operator restore spike.recovery.1.txt spike.recovery.3.txt
  spike operator reshare --shares 5 --threshold 3 --wait";

/// Commands for the bad day, and for the good day before it.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Recover(recover::Args),
    Drill(drill::Args),
    Restore(restore::Args),
    AcceptRollback(accept_rollback::Args),
    Reshare(reshare::Args),
    Keys(keys::Args),
}

impl Command {
    /// `restore`, with shards in these files.
    pub(crate) fn restore(files: Vec<PathBuf>, identity: Vec<PathBuf>, one_by_one: bool) -> Self {
        Self::Restore(restore::Args::new(hand::AtHand::new(files, identity), one_by_one))
    }

    /// The role that may do it.
    pub(crate) const fn role(&self) -> Role {
        match self {
            Self::Recover(_) | Self::Drill(_) => Role::Recover,
            Self::Restore(_) | Self::AcceptRollback(_) => Role::Restore,
            Self::Reshare(_) | Self::Keys(_) => Role::Superuser,
        }
    }

    /// Does it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Recover(args) => args.run(context).await,
            Self::Drill(args) => args.run(context).await,
            Self::Restore(args) => args.run(context).await,
            Self::AcceptRollback(args) => args.run(context).await,
            Self::Reshare(args) => args.run(context).await,
            Self::Keys(args) => args.run(context).await,
        }
    }
}
