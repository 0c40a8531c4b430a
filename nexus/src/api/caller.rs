//! Who asks, read from the connection. A request without a certificate has no caller.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use jiff::Timestamp;
use rand::RngExt;
use spike_core::wire::v2::ProblemCode;
use spike_store::TraceId;
use tokio::time::Instant;

use crate::{app::caller::Caller, nexus::Nexus};

/// No certificate came with the connection.
pub(super) struct Nobody;

impl Caller {
    /// The caller of a request.
    pub(super) fn of(parts: &Parts, nexus: &Nexus) -> Result<Self, Nobody> {
        let peer = parts.extensions.get::<spike_runtime::Caller>();
        let peer = peer.and_then(|caller| caller.0.as_ref()).ok_or(Nobody)?;
        Ok(Self {
            id: peer.id.clone(),
            role: nexus.roles.of(&peer.id),
            at: Timestamp::now(),
            since: Instant::now(),
            trace: trace(parts),
        })
    }
}

impl FromRequestParts<Arc<Nexus>> for Caller {
    type Rejection = axum::response::Response;

    async fn from_request_parts(
        parts: &mut Parts,
        nexus: &Arc<Nexus>,
    ) -> Result<Self, Self::Rejection> {
        Self::of(parts, nexus).map_err(|Nobody| {
            let detail = "this needs a client certificate: an X.509-SVID";
            super::reply::problem(ProblemCode::Unauthenticated, detail)
        })
    }
}

/// The trace that the request says it belongs to (W3C `traceparent`), else a new one.
fn trace(parts: &Parts) -> TraceId {
    let given = parts.headers.get("traceparent").and_then(|value| value.to_str().ok());
    given.and_then(trace_id).unwrap_or_else(|| TraceId(rand::rng().random()))
}

fn trace_id(traceparent: &str) -> Option<TraceId> {
    let id = traceparent.split('-').nth(1)?;
    let mut bytes = [0; 16];
    hex::decode_to_slice(id, &mut bytes).ok()?;
    (bytes != [0; 16]).then_some(TraceId(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_real_trace_id_is_taken() {
        let id = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace_id(id).map(|id| id.0[0]), Some(0x4b));
        for odd in ["", "00", "00-00000000000000000000000000000000-1-01", "00-zz-1-01"] {
            assert_eq!(trace_id(odd), None, "{odd}");
        }
    }
}
