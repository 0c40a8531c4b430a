//! The audit of keys: each thing that is done with them is written down before it counts.

use async_trait::async_trait;
use jiff::Timestamp;
use spike_audit::{Entry, Event, Log};

use crate::keys::Reason;

/// Where it is written down: a joint, so that tests can read it and break it.
#[async_trait]
pub(super) trait Journal: Send + Sync {
    /// Durable when it returns. `what` names a set, a cluster or a ring revision.
    async fn write(&self, op: &'static str, what: String) -> Result<(), Reason>;
}

#[async_trait]
impl Journal for Log {
    async fn write(&self, op: &'static str, what: String) -> Result<(), Reason> {
        let entry = Entry { path: Some(what), ..Entry::new(Event::Keys, op, Timestamp::now()) };
        let written = self.append(entry).await;
        written.map(|_| ()).map_err(|error| Reason::new("audit_unavailable", error.to_string()))
    }
}
