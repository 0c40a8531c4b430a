//! `spike dev identity`: identities for your own programs.

use clap::Subcommand;
use spike_core::SpiffeId;

use super::{
    Place,
    control::{self, Request},
    home::Home,
};
use crate::{error::CliError, output};

/// Of the group's help.
pub(super) const EXAMPLES: &str = "\
Examples:
  spike dev identity add web spiffe://spike.ist/acme/web
  eval \"$(spike dev env --role web)\"
  spike dev identity remove web";

const ADD_EXAMPLES: &str = "\
Examples:
  spike dev identity add web spiffe://spike.ist/acme/web";

const REMOVE_EXAMPLES: &str = "\
Examples:
  spike dev identity remove web";

const LIST_EXAMPLES: &str = "\
Examples:
  spike dev identity list";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve an identity on a socket of its own.
    #[command(after_help = ADD_EXAMPLES)]
    Add {
        /// The socket's name: letters, digits, dashes and dots.
        name: String,
        /// The SPIFFE ID, in the cluster's trust domain.
        id: SpiffeId,
        #[command(flatten)]
        place: Place,
    },
    /// Serve it no more; what it was given stays valid for minutes.
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove {
        /// The socket's name.
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// List names and SPIFFE IDs.
    #[command(after_help = LIST_EXAMPLES)]
    List {
        #[command(flatten)]
        place: Place,
    },
}

impl Command {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self {
            Self::Add { name, id, place } => {
                let home = Home::at(&place.dir)?;
                let request = Request::AddIdentity { name: name.clone(), id: id.to_string() };
                control::tell(&home, &request).await?;
                output::print(&format!("unix://{}", home.socket_of(&name).display()))
            }
            Self::Remove { name, place } => {
                control::tell(&Home::at(&place.dir)?, &Request::RemoveIdentity { name }).await
            }
            Self::List { place } => {
                let status = control::status(&Home::at(&place.dir)?).await?;
                let lines = status.identities.iter().map(|s| format!("{:<12} {}\n", s.name, s.id));
                output::print(&lines.collect::<Vec<_>>().concat())
            }
        }
    }
}
