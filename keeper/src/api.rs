//! The routes of a Keeper, by protocol.

mod v1;
mod v2;

use std::sync::Arc;

use axum::{
    Router,
    response::Response,
    routing::{any, post},
};
use http::Uri;
use spike_core::wire::{ErrorCode, v2::ProblemCode};
use spike_runtime::{metrics::Requests, reply};

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
        .method_not_allowed_fallback(v2::wrong_method)
        .fallback(unknown)
        .with_state(api)
}

async fn unknown(uri: Uri) -> Response {
    if reply::is_own(&uri) {
        reply::problem(ProblemCode::NoSuchRoute, "")
    } else {
        v1_failure(ErrorCode::BadRequest)
    }
}

fn v1_failure(code: ErrorCode) -> Response {
    reply::fallback(v1::status_of(&code), code)
}
