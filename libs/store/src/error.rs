//! What can go wrong, by whose fault it is.

use std::{borrow::Cow, error::Error, fmt, sync::Arc};

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
        /// What kind of failure it is, for people who see no log: names no host, no user, nothing
        /// that was asked.
        class: Cow<'static, str>,
        /// The same for our log, which may say where: names no credential.
        reason: String,
        /// True if the same call may work later without anyone doing anything.
        retryable: bool,
        /// What the driver said. The reason repeats what helps of it, so it is no error's source.
        cause: Option<Cause>,
    },
    /// The answer was lost: it happened or it didn't. Ask again with the same key.
    #[error("the store did not say whether the write happened")]
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
    pub fn busy(class: impl Into<Cow<'static, str>>) -> Self {
        let class = class.into();
        let reason = class.clone().into_owned();
        Self::Unavailable { class, reason, retryable: true, cause: None }
    }

    /// Says where it happened, to our log alone.
    #[must_use]
    pub fn at(self, place: &impl fmt::Display) -> Self {
        match self {
            Self::Unavailable { class, reason, retryable, cause } => {
                let reason = format!("{place}: {reason}");
                Self::Unavailable { class, reason, retryable, cause }
            }
            Self::Unusable(reason) => Self::Unusable(format!("{place}: {reason}")),
            other => other,
        }
    }

    /// What kind of failure it is, for people who see no log.
    pub fn class(&self) -> Cow<'static, str> {
        match self {
            Self::Unavailable { class, .. } => class.clone(),
            Self::Unusable(_) => "it can't be used as a store: the log says why".into(),
            Self::Corrupt(_) => "it returned something impossible: the log says what".into(),
            other => other.to_string().into(),
        }
    }

    /// The caller's deadline passed before anything happened.
    pub fn late() -> Self {
        Self::busy("the deadline of the call passed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_happened_is_for_the_log_alone() {
        let error = StoreError::busy("nothing listens there").at(&"db.internal:5432");
        assert!(error.to_string().ends_with(": db.internal:5432: nothing listens there"));
        assert_eq!(error.class(), "nothing listens there");
        for error in [
            StoreError::Unusable("a pooler answers".to_owned()).at(&"db.internal:5432"),
            StoreError::Corrupt("db.internal".to_owned()),
        ] {
            assert!(error.to_string().contains("db.internal"), "{error}");
            assert!(!error.class().contains("db.internal"), "{error}");
        }
    }
}
