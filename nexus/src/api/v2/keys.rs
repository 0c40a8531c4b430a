//! `/v2/keys`: how the root key is split, and splitting it anew. For superuser and operator.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use spike_core::wire::v2::keys::EnsureRequest;

use super::{Body, Share, answered, finished, parsed};
use crate::{
    app::{caller::Caller, keys::asked},
    nexus::Nexus,
    status,
};

/// Shows it.
pub(super) async fn show(State(nexus): State<Arc<Nexus>>, caller: Caller) -> Response {
    let unsealed = nexus.app.show_keys(&caller).await;
    answered("keys", unsealed.map(|unsealed| status::ring(&nexus.boot, &unsealed)))
}

/// Makes a wish the target, unless it is that already.
pub(super) async fn ensure(
    State(nexus): State<Arc<Nexus>>,
    caller: Caller,
    share: Share,
    body: Body,
) -> Response {
    let asked = parsed::<EnsureRequest>(&body).and_then(|request| asked(&request));
    let worker = nexus.clone();
    let work = async move { worker.app.ensure_keys(&caller, &worker.boot, asked).await };
    let ensured = finished(&nexus, share, work).await;
    answered("keys.ensure", ensured.map(|unsealed| status::ring(&nexus.boot, &unsealed)))
}
