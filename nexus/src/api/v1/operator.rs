//! `/v1/operator/…`.

use spike_core::{
    ShareIndex,
    wire::{
        ShardBytes,
        v1::{RecoverRequest, RecoverResponse, RestoreRequest, RestoreResponse},
    },
};

use crate::{
    app::{caller::Caller, error::Result},
    nexus::Nexus,
};

pub(super) async fn recover(
    nexus: &Nexus,
    caller: &Caller,
    _: RecoverRequest,
) -> Result<RecoverResponse> {
    let shards = nexus.app.recover_plain(caller, &nexus.boot).await?;
    let wire = |shard: &spike_seal::Shard| {
        (i64::from(shard.index().get()), Some(ShardBytes::from(*shard.expose())))
    };
    Ok(RecoverResponse { shards: Some(shards.iter().map(wire).collect()), err: None })
}

pub(super) async fn restore(
    nexus: &Nexus,
    caller: &Caller,
    request: RestoreRequest,
) -> Result<RestoreResponse> {
    let index = u8::try_from(request.id).ok().and_then(ShareIndex::new);
    let shard = request.shard.filter(|shard| !shard.is_zero());
    let given = index.zip(shard.as_ref().map(ShardBytes::as_array));
    let progress = nexus.app.restore_one(caller, &nexus.boot, given).await?;
    Ok(RestoreResponse {
        collected: signed(progress.collected),
        remaining: signed(progress.remaining),
        restored: progress.restored,
        err: None,
    })
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
