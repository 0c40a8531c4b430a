//! Where SVIDs and bundles come from.

mod files;
mod given;
mod kubernetes;
mod workload_api;

use std::{fmt, path::PathBuf, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
pub use given::{Given, Svid};

use crate::{IdentityError, material::Offer};

/// A source of X.509-SVIDs and trust bundles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The SPIFFE Workload API of SPIRE, of `spike dev` or of any other agent.
    WorkloadApi {
        /// `unix:///run/spire/agent.sock` or `tcp://127.0.0.1:8081`.
        endpoint: String,
    },
    /// PEM files that somebody else renews; followed.
    Files {
        /// The leaf certificate, then its intermediates.
        cert: PathBuf,
        /// The leaf's private key, PKCS#8, SEC1 or PKCS#1.
        key: PathBuf,
        /// The roots of the leaf's own trust domain.
        bundle: PathBuf,
    },
    /// Spike's authority in a Kubernetes cluster, for a service account's token.
    Kubernetes {
        /// `https://host:port` of the authority.
        authority: String,
        /// A projected token for the authority's audience; read again for each trade.
        token: PathBuf,
        /// The roots that the authority is believed by; followed.
        bundle: PathBuf,
    },
    /// This very process.
    Given(Given),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkloadApi { endpoint } => write!(f, "the Workload API at {endpoint}"),
            Self::Files { cert, .. } => write!(f, "{} and its key and bundle", cert.display()),
            Self::Kubernetes { authority, .. } => write!(f, "the authority at {authority}"),
            Self::Given(_) => f.write_str("this process"),
        }
    }
}

/// A source that is being followed. It paces itself: a caller may ask again at once.
#[derive(Debug)]
pub(crate) enum Feed {
    WorkloadApi(workload_api::Stream),
    Files(files::Poll),
    Kubernetes(Box<kubernetes::Trade>),
    Given(given::Wait),
}

impl Feed {
    pub(crate) fn new(source: Source) -> Result<Self, IdentityError> {
        Ok(match source {
            Source::WorkloadApi { endpoint } => {
                Self::WorkloadApi(workload_api::Stream::new(endpoint)?)
            }
            Source::Files { cert, key, bundle } => Self::Files(files::Poll::new(cert, key, bundle)),
            Source::Kubernetes { authority, token, bundle } => {
                Self::Kubernetes(Box::new(kubernetes::Trade::new(authority, token, bundle)))
            }
            Source::Given(given) => Self::Given(given::Wait::new(given)),
        })
    }

    /// The next offer or problem. Cancelling it loses nothing that was not offered yet.
    pub(crate) async fn next(&mut self) -> Result<Offer, IdentityError> {
        match self {
            Self::WorkloadApi(stream) => stream.next().await,
            Self::Files(poll) => poll.next().await,
            Self::Kubernetes(trade) => trade.next().await,
            Self::Given(wait) => wait.next().await,
        }
    }

    /// The last offer is in use and good for `life`; an offer that isn't accepted comes again.
    pub(crate) fn accepted(&mut self, life: Duration) {
        match self {
            Self::WorkloadApi(stream) => stream.accepted(life),
            Self::Files(poll) => poll.accepted(),
            Self::Kubernetes(trade) => trade.accepted(life),
            Self::Given(_) => {}
        }
    }
}

/// Pauses that grow from the shortest to the longest and never end.
fn pauses((shortest, longest): (Duration, Duration)) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(shortest)
        .with_max_delay(longest)
        .with_jitter()
        .without_max_times()
        .build()
}
