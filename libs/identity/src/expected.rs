//! Which SPIFFE IDs are meant.

use std::{fmt, sync::Arc};

use spike_core::SpiffeId;

/// A set of SPIFFE IDs: a test and the words that describe it in an error.
#[derive(Clone)]
pub struct Expected {
    accepts: Arc<dyn Fn(&SpiffeId) -> bool + Send + Sync>,
    what: Arc<str>,
}

/// Which of the SVIDs that a source offers is ours.
pub type Wanted = Expected;

impl Expected {
    /// Every SPIFFE ID.
    pub fn any() -> Self {
        Self::matching(|_| true, "any SPIFFE ID")
    }

    /// The IDs that `accepts` returns true for; `what` completes "expected …" in errors.
    pub fn matching(
        accepts: impl Fn(&SpiffeId) -> bool + Send + Sync + 'static,
        what: impl Into<Arc<str>>,
    ) -> Self {
        Self { accepts: Arc::new(accepts), what: what.into() }
    }

    /// True if `id` is in the set.
    pub fn accepts(&self, id: &SpiffeId) -> bool {
        (self.accepts)(id)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl fmt::Debug for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expected({})", self.what)
    }
}
