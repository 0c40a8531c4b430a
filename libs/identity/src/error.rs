//! Why there is no identity.

use std::{path::PathBuf, time::Duration};

/// Why [`Identity::start`](crate::Identity::start) gave up, or what its source reported last.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The Workload API's address can't be used; waiting won't help.
    #[error("the Workload API endpoint {endpoint:?} is invalid: {reason}")]
    Endpoint {
        /// As configured.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of the identity can't be read.
    #[error("cannot read {}: {reason}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The source answered, but not with what is wanted.
    #[error("no SVID is {wanted}; offered: {offered}")]
    NoneWanted {
        /// What is wanted, in words.
        wanted: String,
        /// The SPIFFE IDs that the source offered.
        offered: String,
    },
    /// The source's material can't be used.
    #[error("the identity from {origin} is unusable: {reason}")]
    Unusable {
        /// Where it came from.
        origin: String,
        /// What is wrong with it; never the material itself.
        reason: String,
    },
    /// The Workload API failed or went away.
    #[error("the Workload API at {endpoint} failed: {reason}")]
    WorkloadApi {
        /// As configured.
        endpoint: String,
        /// What it said.
        reason: String,
    },
    /// No usable SVID came in time.
    #[error("no SVID within {waited:?}: {last}")]
    TimedOut {
        /// How long it was waited for.
        waited: Duration,
        /// The last problem seen.
        last: String,
    },
    /// The process is shutting down.
    #[error("stopped before an SVID came")]
    Stopped,
}
