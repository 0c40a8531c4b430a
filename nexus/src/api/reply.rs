//! The answers of a byte stream, beside those that every server gives.

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use http::{HeaderValue, StatusCode, header};
use zeroize::Zeroizing;

pub(super) use spike_runtime::reply::{fallback, message, own, problem};

/// Plain bytes, wiped once they were sent.
pub(super) fn octets(bytes: Zeroizing<Vec<u8>>) -> Response {
    let mut response = Response::new(Body::from(Bytes::from_owner(bytes)));
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
