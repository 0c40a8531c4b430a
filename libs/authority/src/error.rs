//! What can go wrong, by whose fault it is.

use std::{io, path::PathBuf};

use spike_core::SpiffeId;

/// Why the authority can't do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// Not a trust domain.
    #[error("{0:?} is not a trust domain")]
    TrustDomain(String),
    /// Too short a life for an SVID.
    #[error("an SVID lives at least {} s", crate::dev::SHORTEST_LIFE.as_secs())]
    Life,
    /// The SPIFFE ID is of another trust domain, or has no path.
    #[error("{0} is not a workload of this trust domain")]
    ForeignId(SpiffeId),
    /// Not a name for a socket.
    #[error("{0:?} is not a socket's name: letters, digits, dashes and dots only")]
    Name(String),
    /// There is a socket of that name already.
    #[error("{0:?} is served already")]
    Taken(String),
    /// Others could reach the sockets, and with them the identities.
    #[error("{} is open to other users, it must have mode 0700", .0.display())]
    OpenToOthers(PathBuf),
    /// A directory or a socket can't be made.
    #[error("cannot make {}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A certificate can't be made.
    #[error("cannot issue: {0}")]
    Issue(#[from] rcgen::Error),
    /// The authority was stopped.
    #[error("the authority has stopped")]
    Stopped,
}

impl AuthorityError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }
}
