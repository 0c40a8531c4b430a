//! `spike secret`.

mod delete;
mod get;
mod list;
mod metadata;
mod put;
mod undelete;
mod versions;

use clap::Subcommand;

use crate::{context::Context, error::CliError};

/// Of the group's help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  spike secret put tenants/acme/db user=root password=@password.txt
  spike secret get tenants/acme/db password
  spike secret list";

/// Commands for secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Put(put::Args),
    Get(get::Args),
    List(list::Args),
    Delete(delete::Args),
    Undelete(undelete::Args),
    /// Manage secret metadata.
    #[command(subcommand, after_help = metadata::EXAMPLES)]
    Metadata(metadata::Command),
}

impl Command {
    /// Does it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Put(args) => args.run(context).await,
            Self::Get(args) => args.run(context).await,
            Self::List(args) => args.run(context).await,
            Self::Delete(args) => args.run(context).await,
            Self::Undelete(args) => args.run(context).await,
            Self::Metadata(metadata::Command::Get(args)) => args.run(context).await,
        }
    }
}
