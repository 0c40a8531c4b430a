//! An authority in one process.

use std::{io, path::PathBuf, time::Duration};

use spike_core::SpiffeId;

/// How a development authority issues.
#[derive(Clone, Debug)]
pub struct AuthorityConfig {
    /// The trust domain, such as `spike.ist`.
    pub trust_domain: String,
    /// How long an SVID lives; renewed at half of it.
    pub svid_ttl: Duration,
    /// Where the sockets are; made with mode 0700.
    pub dir: PathBuf,
}

impl AuthorityConfig {
    /// SVIDs of `trust_domain` that live five minutes, sockets in `dir`.
    pub fn new(trust_domain: impl Into<String>, dir: impl Into<PathBuf>) -> Self {
        let (trust_domain, dir) = (trust_domain.into(), dir.into());
        Self { trust_domain, svid_ttl: Duration::from_mins(5), dir }
    }
}

/// Why the authority can't do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// Not a trust domain.
    #[error("{0:?} is not a trust domain")]
    TrustDomain(String),
    /// The SPIFFE ID is of another trust domain, or has no path.
    #[error("{0} is not a workload of this trust domain")]
    ForeignId(SpiffeId),
    /// Not a name for a socket.
    #[error("{0:?} is not a socket's name: letters, digits, dashes and dots only")]
    Name(String),
    /// There is a socket of that name already.
    #[error("{0:?} is served already")]
    Taken(String),
    /// A directory or a socket can't be made.
    #[error("cannot make {}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A certificate can't be made.
    #[error("cannot issue")]
    Issue(#[source] rcgen::Error),
    /// The authority was stopped.
    #[error("the authority has stopped")]
    Stopped,
}

/// A certificate authority and its Workload API sockets.
#[derive(Debug)]
pub struct Authority {}

#[expect(clippy::unused_async, reason = "the skeleton's bodies wait for nothing yet")]
impl Authority {
    /// Makes a root; nothing is served yet.
    pub async fn start(config: AuthorityConfig) -> Result<Self, AuthorityError> {
        let _ = config;
        unimplemented!()
    }

    /// Serves the Workload API for one identity; returns the path of its socket.
    pub async fn serve(&self, name: &str, id: SpiffeId) -> Result<PathBuf, AuthorityError> {
        let _ = (name, id);
        unimplemented!()
    }

    /// Stops serving one identity; false if there was none. What was issued stays valid.
    pub async fn remove(&self, name: &str) -> bool {
        let _ = name;
        unimplemented!()
    }

    /// Makes a new root, publishes it beside the old one and renews every SVID under it.
    pub async fn rotate_root(&self) -> Result<(), AuthorityError> {
        unimplemented!()
    }

    /// Closes every stream and removes the sockets.
    pub async fn stop(&self) {
        unimplemented!()
    }
}
