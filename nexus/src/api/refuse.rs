//! Which answer an error gets. The caller sees a code; the reason is for our log.

use axum::response::Response;
use http::{HeaderValue, StatusCode, Uri, header};
use spike_core::wire::{
    ErrorCode,
    v2::{PROBLEM_MEDIA_TYPE, Problem},
};
use spike_runtime::Refusal;

use super::reply;
use crate::app::error::Error;

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
    let status = match error {
        Error::Denied => StatusCode::FORBIDDEN,
        Error::AlreadyInitialized => StatusCode::CONFLICT,
        other => code(other).0,
    };
    let detail = match error {
        Error::BadRequest(why) => why.clone(),
        Error::NotReady(reason) => reason.message.clone(),
        _ => String::new(),
    };
    as_problem(status, error.code(), detail)
}

/// A problem of RFC 9457.
pub(super) fn as_problem(status: StatusCode, code: &str, detail: String) -> Response {
    let problem = Problem {
        kind: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or_default().to_owned(),
        status: status.as_u16(),
        detail,
        code: code.to_owned(),
    };
    let mut response = reply::own(status, &problem);
    let media_type = HeaderValue::from_static(PROBLEM_MEDIA_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

/// Says in the log what the caller isn't told.
pub(super) fn log(route: &'static str, error: &Error) {
    match error {
        Error::BadRequest(_) | Error::Denied | Error::NotFound | Error::Undecryptable => {
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

/// The answer to a request that never reached its handler, or never came back from it.
pub(crate) fn unserved(refusal: Refusal, uri: &Uri) -> Response {
    let ours = uri.path().starts_with("/v2/");
    let (status, code) = match refusal {
        Refusal::IdentityExpired => (StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized),
        Refusal::BodyTooLarge => (StatusCode::BAD_REQUEST, ErrorCode::BadRequest),
        Refusal::Panicked => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal),
        Refusal::RateLimited | Refusal::Overloaded | Refusal::TimedOut => {
            (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::NotReady)
        }
    };
    if ours {
        as_problem(status, code.as_str(), String::new())
    } else {
        reply::fallback(status, code)
    }
}
