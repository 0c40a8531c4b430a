//! HTTP: SPIKE's protocol, our own, and what a load balancer asks.
//!
//! Everything but `GET /health` needs a caller with a certificate. A path that isn't ours belongs
//! to SPIKE's protocol, which has an answer for every path.

mod caller;
mod health;
pub(crate) mod refuse;
mod reply;
pub(crate) mod v1;
mod v2;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{Router, routing};

use crate::nexus::Nexus;

/// Every route.
pub(crate) fn router(nexus: Arc<Nexus>) -> Router {
    Router::new()
        .route("/health", routing::get(health::health).fallback(v1::serve))
        .merge(v2::routes(&nexus))
        .fallback(v1::serve)
        .with_state(nexus)
}
