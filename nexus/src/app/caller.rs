//! Who asks, since when and until when.

use std::time::Duration;

use jiff::Timestamp;
use spike_core::{Role, SpiffeId};
use spike_store::{Call, CallerHash, Epochs, TraceId};
use tokio::time::Instant;

/// How long a request may take before its store calls give up: less than the server's own limit,
/// so that the answer is ours.
pub(crate) const BUDGET: Duration = Duration::from_secs(12);

/// An authenticated caller and the circumstances of its request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Who it is.
    pub(crate) id: SpiffeId,
    /// What it is to us, if anything.
    pub(crate) role: Option<Role>,
    /// The time of the request.
    pub(crate) at: Timestamp,
    /// When it came, for measuring.
    pub(crate) since: Instant,
    /// Of the request.
    pub(crate) trace: TraceId,
}

impl Caller {
    /// What a store needs to know of the request.
    pub(crate) fn call(&self, caller: CallerHash, guard: Option<Epochs>) -> Call {
        Call { guard, deadline: self.deadline(), at: self.at, trace: self.trace, caller }
    }

    /// When its store calls give up.
    pub(crate) fn deadline(&self) -> Instant {
        self.since + BUDGET
    }

    /// True if the caller plays `role`.
    pub(crate) fn is(&self, role: Role) -> bool {
        self.role == Some(role)
    }
}
