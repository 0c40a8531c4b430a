//! The routes of a Keeper, by protocol.

mod v1;
mod v2;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    response::Response,
    routing::{any, post},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use spike_core::wire::{
    self, Encode, ErrorCode,
    v1::{Fallback, Response as _},
};
use spike_runtime::{Refusal as Unheard, metrics::Requests};
use zeroize::Zeroizing;

use crate::keeper::Keeper;

/// What every handler needs.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) requests: Requests,
}

pub(crate) fn router(api: Api) -> Router {
    Router::new()
        .route("/v1/store/contribute", any(v1::contribute))
        .route("/v1/store/shard", any(v1::shard))
        .route("/v2/shard:put", post(v2::put))
        .route("/v2/shard:get", post(v2::get))
        .route("/v2/shard:status", post(v2::status))
        .route("/v2/shard:commit", post(v2::commit))
        .route("/v2/shard:drop", post(v2::forget))
        .method_not_allowed_fallback(v2::method_not_allowed)
        .fallback(unknown)
        .with_state(api)
}

async fn unknown(uri: Uri) -> Response {
    if is_v2(&uri) { v2::no_such_route() } else { v1_failure(ErrorCode::BadRequest) }
}

/// The answer to a request that never reached a handler.
pub(crate) fn refuse(unheard: Unheard, uri: &Uri) -> Response {
    if is_v2(uri) {
        return v2::unheard(unheard);
    }
    v1_failure(match unheard {
        Unheard::IdentityExpired => ErrorCode::Unauthorized,
        Unheard::BodyTooLarge => ErrorCode::BadRequest,
        Unheard::RateLimited | Unheard::Overloaded | Unheard::TimedOut => ErrorCode::NotReady,
        Unheard::Panicked => ErrorCode::Internal,
    })
}

fn is_v2(uri: &Uri) -> bool {
    uri.path().starts_with("/v2/")
}

fn v1_failure(code: ErrorCode) -> Response {
    let status = v1::status_of(&code);
    spike_json(status, &Fallback::failed(code))
}

/// A body as SPIKE sends it, with SPIKE's headers.
fn spike_json(status: StatusCode, message: &impl Encode) -> Response {
    let mut response = json(status, wire::encode(message));
    let cache = "no-store, no-cache, must-revalidate, private";
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(header::EXPIRES, HeaderValue::from_static("0"));
    response
}

/// JSON in a buffer that is wiped once it was sent.
fn json(status: StatusCode, body: Zeroizing<Vec<u8>>) -> Response {
    let mut response = Response::new(Body::from(Bytes::from_owner(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
