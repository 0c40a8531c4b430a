//! Which SPIFFE IDs are meant.

use std::{fmt, sync::Arc, time::Duration};

use spike_core::SpiffeId;

/// How long [`Identity::start`](crate::Identity::start) waits for a first SVID unless told
/// otherwise: an agent learns of a new workload within seconds, on a busy cluster within tens.
const PATIENCE: Duration = Duration::from_mins(1);

/// A set of SPIFFE IDs: a test and the words that describe it in an error.
#[derive(Clone)]
pub struct Expected {
    accepts: Arc<dyn Fn(&SpiffeId) -> bool + Send + Sync>,
    what: Arc<str>,
}

impl Expected {
    /// Every SPIFFE ID of a trust domain that we have a bundle for.
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

/// Which of the SVIDs that a source offers is ours, and how long to wait for it.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub(crate) ids: Expected,
    pub(crate) patience: Duration,
}

impl Wanted {
    /// Whatever the source offers first.
    pub fn any() -> Self {
        Expected::any().into()
    }

    /// The first that `accepts` returns true for; `what` completes "no SVID is …" in errors.
    pub fn matching(
        accepts: impl Fn(&SpiffeId) -> bool + Send + Sync + 'static,
        what: impl Into<Arc<str>>,
    ) -> Self {
        Expected::matching(accepts, what).into()
    }

    /// Waits this long instead of a minute; a command at a terminal should.
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

impl From<Expected> for Wanted {
    fn from(ids: Expected) -> Self {
        Self { ids, patience: PATIENCE }
    }
}
