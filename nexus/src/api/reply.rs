//! Answers: bytes that are wiped once they were sent, under SPIKE's headers.

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use spike_core::wire::{self, ErrorCode, v1::Fallback, v1::Response as _};
use zeroize::Zeroizing;

/// The headers of every JSON answer.
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
pub(super) fn message<T: wire::Encode>(status: StatusCode, message: &T) -> Response {
    json(status, wire::encode(message))
}

/// What SPIKE says where no route is.
pub(super) fn fallback(status: StatusCode, code: ErrorCode) -> Response {
    message(status, &Fallback::failed(code))
}

/// A message of our own protocol.
pub(super) fn own<T: Serialize>(status: StatusCode, message: &T) -> Response {
    let bytes = serde_json::to_vec(message).expect("our messages are always JSON");
    json(status, Zeroizing::new(bytes))
}

/// Plain bytes.
pub(super) fn octets(bytes: Zeroizing<Vec<u8>>) -> Response {
    let mut response = Response::new(wiped(bytes));
    let binary = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, binary);
    response
}

/// A failure of a byte stream, as Go's `http.Error` writes it.
pub(super) fn plain(status: StatusCode, text: &str) -> Response {
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, text);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn json(status: StatusCode, bytes: Zeroizing<Vec<u8>>) -> Response {
    let mut response = Response::new(wiped(bytes));
    *response.status_mut() = status;
    response.headers_mut().extend(JSON);
    response
}

/// A body whose bytes are overwritten when the last one was sent.
fn wiped(bytes: Zeroizing<Vec<u8>>) -> Body {
    struct Owner(Zeroizing<Vec<u8>>);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    Body::from(Bytes::from_owner(Owner(bytes)))
}
