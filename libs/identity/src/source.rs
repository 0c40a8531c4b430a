//! Where SVIDs and bundles come from.

use std::path::PathBuf;

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
}
