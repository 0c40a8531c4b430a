//! Why there is no identity.

use std::{path::PathBuf, time::Duration};

/// Why [`Identity::start`](crate::Identity::start) gave up, or what its source reported last.
#[derive(Debug, thiserror::Error)]
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
    /// A file of the identity can't be used.
    #[error("cannot use {}: {reason}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What is wrong; never what is in it.
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
    /// The source's SVID or bundles contradict each other or the standard.
    #[error("unusable: {reason}")]
    Unusable {
        /// What is wrong; never the material itself.
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
    /// Spike's authority in the cluster failed or refused.
    #[error("the authority at {authority} gave no SVID: {reason}")]
    Authority {
        /// As configured.
        authority: String,
        /// What it said.
        reason: String,
    },
    /// No usable SVID came in time.
    #[error("no SVID from {origin} within {waited:?}: {last}")]
    TimedOut {
        /// The source.
        origin: String,
        /// How long it was waited for.
        waited: Duration,
        /// The last problem, or what was waited for.
        last: String,
    },
    /// The process is shutting down.
    #[error("stopped before an SVID came")]
    Stopped,
}
