//! What can go wrong, by whose fault it is.

use std::{error::Error, sync::Arc};

use spike_core::{Revision, SecretPath};

use crate::{Epochs, HeadRow};

/// The result of a store call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// What a driver said. Shared, because one failure can answer many callers.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why a store call failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another writer was first; the present head comes along.
    #[error("the head changed since it was read")]
    Conflict {
        /// Where.
        path: SecretPath,
        /// What is there now; `None` if nothing is.
        head: Option<Box<HeadRow>>,
    },
    /// Another writer was first on a document.
    #[error("the document changed since it was read")]
    DocumentConflict {
        /// Its name.
        name: String,
        /// What is there now.
        revision: Option<Revision>,
    },
    /// The guard is not the present epochs: decide again.
    #[error("policies or keys changed since the decision")]
    Stale {
        /// The present epochs.
        epochs: Epochs,
    },
    /// The write key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// This store can't do it.
    #[error("the store cannot {0}")]
    Unsupported(&'static str),
    /// The store can't be reached or can't take it now; nothing happened.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// For our log: names no credential.
        reason: String,
        /// True if the same call may work later without anyone doing anything.
        retryable: bool,
        /// What the driver said.
        #[source]
        source: Option<Cause>,
    },
    /// The answer was lost: it happened or it didn't. Ask again with the same key.
    #[error("the store did not say whether it happened")]
    Ambiguous {
        /// What the driver said.
        #[source]
        source: Option<Cause>,
    },
    /// The schema is not ours.
    #[error("the store has schema {found}, this program needs {supported}: {remedy}")]
    Schema {
        /// What is there.
        found: u32,
        /// What this program knows.
        supported: u32,
        /// What to do.
        remedy: &'static str,
    },
    /// What the configuration names can't be a store; someone has to change something.
    #[error("not usable as a store: {0}")]
    Unusable(String),
    /// What is kept can't be understood.
    #[error("the store returned something impossible: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// Nothing happened, and the same call may work later.
    pub fn busy(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into(), retryable: true, source: None }
    }

    /// The caller's deadline passed before anything happened.
    pub fn late() -> Self {
        Self::busy("the deadline of the call passed")
    }
}
