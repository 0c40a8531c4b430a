//! `spike dev identity`: identities for your own programs.

use clap::Subcommand;
use spike_core::SpiffeId;

use super::{
    Place,
    control::{self, Request},
    home::Home,
};
use crate::{error::CliError, output};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve an identity on a socket of its own.
    Add {
        /// The socket's name: letters, digits, dashes and dots.
        name: String,
        /// The SPIFFE ID, in the cluster's trust domain.
        id: SpiffeId,
        #[command(flatten)]
        place: Place,
    },
    /// Serve it no more; what it was given stays valid for minutes.
    Remove {
        /// The socket's name.
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// List names and SPIFFE IDs.
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
