//! What can go wrong with a request, by whose fault it is.

use spike_audit::AuditError;
use spike_core::SecretPath;
use spike_seal::SealError;
use spike_store::StoreError;

use crate::{
    boot::BootError,
    keys::{KeysError, Reason},
};

/// The result of a use case.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why a request failed. `Display` is for our log; a client sees a code and nothing else.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// The request can't be understood or asks for something impossible.
    #[error("bad request: {0}")]
    BadRequest(String),
    /// The caller may not, or nobody knows the caller.
    #[error("denied")]
    Denied,
    /// Allowed, but nothing is there.
    #[error("not found")]
    NotFound,
    /// The caller's ciphertext is not one of ours.
    #[error("the ciphertext can't be decrypted")]
    Undecryptable,
    /// There is a root key already.
    #[error("this Nexus has its root key")]
    AlreadyInitialized,
    /// One re-share after the other; the text is safe to return.
    #[error("{0}")]
    KeysUnsettled(String),
    /// Another split is in force than the caller knew of; the text is safe to return.
    #[error("{0}")]
    KeysChanged(String),
    /// Another writer was faster so many times that we gave up.
    #[error("gave up after {0} lost races")]
    Contended(u32),
    /// So many others were before the caller that its time ran out.
    #[error("too many writers before this one")]
    Crowded,
    /// Policies or keys changed so many times while we decided that we gave up.
    #[error("policies or keys changed {0} times during one decision")]
    Unsettled(u32),
    /// There are no keys, or there is something else that time or an operator mends.
    #[error("not ready: {}", .0.message)]
    NotReady(Reason),
    /// The store or the audit can't be used now.
    #[error("store: {0}")]
    Store(#[source] StoreError),
    /// The audit can't be written, so nothing may leave.
    #[error("audit: {0}")]
    Audit(#[from] AuditError),
    /// The store shows something that was never written there.
    #[error("{what}: {source}")]
    Tampered {
        /// Stable: which of the store's things it is.
        what: &'static str,
        /// Where, if it has a place.
        path: Option<SecretPath>,
        /// What the check said.
        #[source]
        source: SealError,
    },
    /// Something that should not be able to happen did.
    #[error("internal: {0}")]
    Internal(String),
}

/// The code of a store that shows an older state than was seen before.
pub(crate) const ROLLED_BACK: &str = "store_rolled_back";

impl Error {
    /// Refuses with a text that is safe to return.
    #[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
    pub(crate) fn bad(why: impl ToString) -> Self {
        Self::BadRequest(why.to_string())
    }

    /// The store shows an older state than was seen before.
    pub(crate) fn rolled_back(message: impl Into<String>) -> Self {
        Self::NotReady(Reason { code: ROLLED_BACK, message: message.into() })
    }

    /// The store's `what` at `path` didn't stand the check.
    pub(crate) fn tampered(what: &'static str, path: &SecretPath, source: SealError) -> Self {
        Self::Tampered { what, path: Some(path.clone()), source }
    }

    /// A stable code: the audit's `result` and the `code` of a problem.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Undecryptable => "undecryptable",
            Self::AlreadyInitialized => "already_initialized",
            Self::KeysUnsettled(_) => "keys_unsettled",
            Self::KeysChanged(_) => "keys_changed",
            Self::Contended(_) => "contended",
            Self::Crowded => "crowded",
            Self::Unsettled(_) => "unsettled",
            Self::NotReady(reason) => reason.code,
            Self::Store(StoreError::Corrupt(_)) => "store_corrupt",
            Self::Store(StoreError::Ambiguous { .. }) => "store_ambiguous",
            Self::Store(_) => "store_unavailable",
            Self::Audit(_) => "audit_unavailable",
            Self::Tampered { what, .. } => what,
            Self::Internal(_) => "internal",
        }
    }

    /// True if the same request may work later without the caller changing it.
    pub(crate) const fn is_transient(&self) -> bool {
        match self {
            Self::Contended(_)
            | Self::Crowded
            | Self::Unsettled(_)
            | Self::NotReady(_)
            | Self::Audit(_) => true,
            Self::Store(error) => !matches!(error, StoreError::Corrupt(_)),
            _ => false,
        }
    }
}

impl From<Error> for Reason {
    fn from(error: Error) -> Self {
        match error {
            Error::NotReady(reason) => reason,
            other => Self::new(other.code(), other.to_string()),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<KeysError> for Error {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Sealed(reason) => Self::NotReady(reason),
            KeysError::Store(error) => Self::Store(error),
            KeysError::Ring(source) => Self::Tampered { what: "ring_forged", path: None, source },
            rolled_back @ KeysError::RolledBack { .. } => {
                Self::rolled_back(rolled_back.to_string())
            }
        }
    }
}

impl From<BootError> for Error {
    fn from(error: BootError) -> Self {
        match error {
            BootError::BadRequest(why) => Self::BadRequest(why),
            BootError::AlreadyInitialized => Self::AlreadyInitialized,
            unsettled @ BootError::Unsettled(_) => Self::KeysUnsettled(unsettled.to_string()),
            changed @ BootError::Changed { .. } => Self::KeysChanged(changed.to_string()),
            BootError::NoEscrow => Self::NotFound,
            BootError::NotReady(reason) => Self::NotReady(reason),
        }
    }
}
