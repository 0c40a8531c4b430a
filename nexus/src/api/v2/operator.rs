//! `/v2/operator:…`: a root key brought back, a rollback accepted. For the restore role.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use spike_core::wire::v2::operator::{
    AcceptRollbackResponse, RecoveryShard, ResetRestoreResponse, RestoreRequest, RestoreResponse,
};
use spike_seal::Shard;

use super::{Body, Share, answered, finished, parsed};
use crate::{
    app::{
        caller::Caller,
        error::{Error, Result},
    },
    nexus::Nexus,
};

/// Takes all recovery shards at once.
pub(super) async fn restore(
    State(nexus): State<Arc<Nexus>>,
    caller: Caller,
    share: Share,
    body: Body,
) -> Response {
    let shards = parsed::<RestoreRequest>(&body).and_then(|request| received(&request.shards));
    let worker = nexus.clone();
    let work = async move {
        worker.app.restore_all(&caller, &worker.boot, shards).await?;
        let unsealed = worker.keys.open();
        let unsealed = unsealed.ok_or_else(|| Error::Internal("restored, yet sealed".into()))?;
        let current = unsealed.ring.current();
        Ok(RestoreResponse { restored: true, set_id: current.id, epoch: current.epoch })
    };
    answered("operator.restore", finished(&nexus, share, work).await)
}

/// Takes the store as it is, although it was newer once.
pub(super) async fn accept_rollback(
    State(nexus): State<Arc<Nexus>>,
    caller: Caller,
    share: Share,
) -> Response {
    let worker = nexus.clone();
    let work = async move { worker.app.accept_rollback(&caller, &worker.boot).await };
    let accepted = finished(&nexus, share, work).await;
    let message = accepted.map(|(ring, policies)| AcceptRollbackResponse { ring, policies });
    answered("operator.acceptRollback", message)
}

/// Forgets what came one by one.
pub(super) async fn reset_restore(State(nexus): State<Arc<Nexus>>, caller: Caller) -> Response {
    let forgotten = nexus.app.reset_restore(&caller, &nexus.boot).await;
    let message = forgotten.map(|forgotten| ResetRestoreResponse { forgotten });
    answered("operator.resetRestore", message)
}

/// No set has more shards, and each takes guarded pages of its own.
const MOST_SHARDS: usize = 255;

pub(super) fn received(shards: &[RecoveryShard]) -> Result<Vec<Shard>> {
    if shards.len() > MOST_SHARDS {
        return Err(Error::bad(format!("there are at most {MOST_SHARDS} recovery shards")));
    }
    shards.iter().map(shard).collect()
}

fn shard(sent: &RecoveryShard) -> Result<Shard> {
    let bytes: &[u8; 32] = sent
        .shard
        .as_slice()
        .try_into()
        .map_err(|_| Error::bad("a recovery shard has 32 bytes"))?;
    Ok(Shard::received(sent.index, bytes))
}
