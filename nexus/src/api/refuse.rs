//! Which answer an error gets. The caller sees a code; the reason is for our log.

use axum::response::Response;
use http::StatusCode;
use spike_core::wire::{ErrorCode, v2::ProblemCode};
use spike_store::StoreError;

use super::reply;
use crate::{app::error::Error, nexus::wire};

pub(crate) use spike_runtime::reply::unserved;

/// What SPIKE's protocol says of an error.
pub(super) fn code(error: &Error) -> (StatusCode, ErrorCode) {
    match error {
        Error::BadRequest(_) | Error::Undecryptable => {
            (StatusCode::BAD_REQUEST, ErrorCode::BadRequest)
        }
        Error::Denied => (StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized),
        Error::NotFound => (StatusCode::NOT_FOUND, ErrorCode::NotFound),
        Error::AlreadyInitialized => (StatusCode::BAD_REQUEST, ErrorCode::AlreadyInitialized),
        // SPIKE's clients know no 500: what the store did is for whoever watches it, not for them.
        Error::Tampered { .. } | Error::Store(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::NotReady)
        }
        error if error.is_transient() => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::NotReady),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal),
    }
}

/// What our own protocol says of an error.
pub(super) fn problem(error: &Error) -> Response {
    let detail = match error {
        Error::BadRequest(why) | Error::KeysUnsettled(why) | Error::KeysChanged(why) => why.clone(),
        Error::NotReady(reason) => wire(reason.clone()).message,
        _ => String::new(),
    };
    reply::problem(problem_code(error), &detail)
}

const fn problem_code(error: &Error) -> ProblemCode {
    match error {
        Error::BadRequest(_) | Error::Undecryptable => ProblemCode::Invalid,
        Error::Denied => ProblemCode::Denied,
        Error::NotFound => ProblemCode::NotFound,
        Error::AlreadyInitialized => ProblemCode::AlreadyInitialized,
        Error::KeysUnsettled(_) => ProblemCode::KeysUnsettled,
        Error::KeysChanged(_) => ProblemCode::KeysChanged,
        Error::Contended(_) | Error::Unsettled(_) => ProblemCode::Contended,
        Error::Crowded => ProblemCode::Overloaded,
        Error::NotReady(_) => ProblemCode::NotReady,
        Error::Store(StoreError::Corrupt(_)) => ProblemCode::StoreCorrupt,
        Error::Store(StoreError::Ambiguous { .. }) => ProblemCode::StoreAmbiguous,
        Error::Store(_) => ProblemCode::StoreUnavailable,
        Error::Audit(_) => ProblemCode::AuditUnavailable,
        Error::Tampered { .. } => ProblemCode::StoreForged,
        Error::Internal(_) => ProblemCode::Failed,
    }
}

/// Says in the log what the caller isn't told.
pub(super) fn log(route: &'static str, error: &Error) {
    match error {
        Error::BadRequest(_)
        | Error::Denied
        | Error::NotFound
        | Error::Undecryptable
        | Error::KeysUnsettled(_)
        | Error::KeysChanged(_) => {
            tracing::debug!(route, code = error.code(), "refused: {error}");
        }
        Error::Tampered { path, .. } => {
            tracing::error!(route, code = error.code(), "{error}");
            tracing::debug!(route, ?path, "there");
        }
        other if other.is_transient() => {
            tracing::warn!(route, code = other.code(), "not answered: {other}");
        }
        other => tracing::error!(route, code = other.code(), "failed: {other}"),
    }
}
