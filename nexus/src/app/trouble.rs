//! What the store showed that must not be: remembered for `/health` and status until it is gone.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::error::Error;
use crate::keys::Reason;

/// The last thing of that kind. Requests note it and clear it; it decides nothing.
#[derive(Debug, Default)]
pub(crate) struct Trouble(ArcSwapOption<Reason>);

impl Trouble {
    /// Remembers an error of the store's honesty and gives it back; other errors pass through.
    pub(crate) fn note(&self, error: Error) -> Error {
        let reason = match &error {
            Error::NotReady(reason) => Some(reason.clone()),
            Error::Tampered { what, .. } => Some(Reason { code: what, message: error.to_string() }),
            _ => None,
        };
        if let Some(reason) = reason {
            self.set(reason);
        }
        error
    }

    /// Remembers what is wrong, and logs it once.
    pub(crate) fn set(&self, reason: Reason) {
        let reason = Arc::new(reason);
        if self.0.swap(Some(reason.clone())).as_ref() != Some(&reason) {
            tracing::error!(code = reason.code, "{}", reason.message);
        }
    }

    /// The store is whole again.
    pub(crate) fn clear(&self) {
        if self.0.load().is_some() {
            self.0.store(None);
        }
    }

    /// What is wrong now.
    pub(crate) fn now(&self) -> Option<Reason> {
        self.0.load().as_deref().cloned()
    }
}
