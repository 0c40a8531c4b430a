//! `GET /health`: what a load balancer asks, without a certificate.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::StatusCode;
use spike_core::wire::v2::health::State as Word;
use spike_runtime::probes::Probe;

use super::reply;
use crate::nexus::Nexus;

/// Whether requests should come here, and why not.
pub(super) async fn health(State(nexus): State<Arc<Nexus>>) -> Response {
    let health = nexus.health();
    let status = match health.status {
        Word::Ready => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    reply::own(status, &health)
}
