//! Answers that every server gives alike: JSON in bytes that are wiped once they were sent, and
//! refusals in the words of the protocol that was asked.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use serde::Serialize;
use spike_core::wire::{
    self, Buffer, ErrorCode,
    v1::{Fallback, Response as _},
    v2::{PROBLEM_MEDIA_TYPE, Problem, ProblemCode},
};
use zeroize::Zeroizing;

use crate::serve::{BodyError, Refusal};

/// The headers of every JSON answer: SPIKE's.
const JSON: [(HeaderName, HeaderValue); 4] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
    (
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-cache, must-revalidate, private"),
    ),
    (header::PRAGMA, HeaderValue::from_static("no-cache")),
    (header::EXPIRES, HeaderValue::from_static("0")),
];

/// A message of SPIKE's protocol.
pub fn message(status: StatusCode, message: &impl wire::Encode) -> Response {
    json(status, wire::encode(message))
}

/// What SPIKE says where no route is.
pub fn fallback(status: StatusCode, code: ErrorCode) -> Response {
    message(status, &Fallback::failed(code))
}

/// A message of our own protocol.
pub fn own(status: StatusCode, message: &impl Serialize) -> Response {
    let mut body = Buffer::default();
    serde_json::to_writer(&mut body, message).expect("our messages are always JSON");
    json(status, body.into_bytes())
}

/// What our own protocol says of a failure. The detail is for the caller: no secret, no stranger.
pub fn problem(code: ProblemCode, detail: &str) -> Response {
    let status = StatusCode::from_u16(code.status()).expect("a code's status is one of HTTP's");
    let title = status.canonical_reason().unwrap_or_default();
    let mut response = own(status, &Problem::new(code, title, detail));
    let media_type = HeaderValue::from_static(PROBLEM_MEDIA_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

/// The answer to a request that never reached its handler, or never came back from it.
pub fn unserved(refusal: Refusal, uri: &Uri) -> Response {
    if is_own(uri) {
        return problem(refusal.into(), "");
    }
    let (status, code) = match refusal {
        Refusal::IdentityExpired => (StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized),
        Refusal::BodyTooLarge => (StatusCode::BAD_REQUEST, ErrorCode::BadRequest),
        Refusal::Panicked => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal),
        Refusal::RateLimited | Refusal::Overloaded | Refusal::TimedOut => {
            (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::NotReady)
        }
    };
    fallback(status, code)
}

/// True for a path of our own protocol; SPIKE's has an answer for every other.
pub fn is_own(uri: &Uri) -> bool {
    uri.path().starts_with("/v2/")
}

impl From<Refusal> for ProblemCode {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::IdentityExpired => Self::IdentityExpired,
            Refusal::RateLimited => Self::RateLimited,
            Refusal::Overloaded => Self::Overloaded,
            Refusal::BodyTooLarge => Self::BodyTooLarge,
            Refusal::TimedOut => Self::TimedOut,
            Refusal::Panicked => Self::Failed,
        }
    }
}

impl From<&BodyError> for ProblemCode {
    fn from(error: &BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::BodyTooLarge,
            BodyError::TooSlow => Self::BodyTooSlow,
            BodyError::Broken(_) => Self::BodyBroken,
        }
    }
}

fn json(status: StatusCode, bytes: Zeroizing<Vec<u8>>) -> Response {
    let mut response = Response::new(Body::from(Bytes::from_owner(bytes)));
    *response.status_mut() = status;
    response.headers_mut().extend(JSON);
    response
}
