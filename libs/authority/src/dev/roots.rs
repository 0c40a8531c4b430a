//! Which root signs, and which are published.

use std::{fmt, sync::Arc, time::Duration};

use rustls_pki_types::CertificateDer;

use crate::ca::Root;

/// From publishing a root to signing with it: every workload on this machine has heard by then, so
/// that nobody meets an SVID of a root that it doesn't know.
pub(super) const SETTLE: Duration = Duration::from_secs(1);

/// The roots of the moment; a change makes new ones.
#[derive(Clone)]
pub(super) struct Roots {
    pub(super) signing: Arc<Root>,
    pub(super) trusted: Arc<[CertificateDer<'static>]>,
}

impl Roots {
    pub(super) fn new(root: Root) -> Self {
        let trusted = Arc::new([root.certificate().clone()]);
        Self { signing: Arc::new(root), trusted }
    }

    /// Publishes one more.
    pub(super) fn trusting(&self, root: &Root) -> Self {
        let trusted = self.trusted.iter().chain([root.certificate()]).cloned().collect();
        Self { trusted, ..self.clone() }
    }

    /// Signs with another.
    pub(super) fn signing_with(&self, root: Arc<Root>) -> Self {
        Self { signing: root, ..self.clone() }
    }

    /// Publishes one less.
    pub(super) fn without(&self, root: &Root) -> Self {
        let stays = |cert: &&CertificateDer<'_>| *cert != root.certificate();
        Self { trusted: self.trusted.iter().filter(stays).cloned().collect(), ..self.clone() }
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.trusted.len())
    }
}
