//! `/v1/operator/…` and `/v2/operator:…`: recovery shards, out and in.

use std::collections::BTreeMap;

use spike_core::{
    ShareIndex,
    wire::{
        ShardBytes,
        v1::{RecoverRequest, RestoreRequest, RestoreResponse},
        v2::operator::{
            AcceptRollbackResponse, RestoreRequest as RestoreAll, RestoreResponse as Restored,
        },
    },
};

use super::NexusClient;
use crate::{ClientError, v2};

impl NexusClient {
    /// Takes the recovery shards out. Role recover.
    pub async fn recover(&self) -> Result<BTreeMap<ShareIndex, ShardBytes>, ClientError> {
        let shards = self.v1(&RecoverRequest {}).await?.shards.unwrap_or_default();
        let indexed: Option<BTreeMap<_, _>> = shards
            .into_iter()
            .map(|(index, shard)| {
                let index = u8::try_from(index).ok().and_then(ShareIndex::new)?;
                Some((index, shard.filter(|shard| !shard.is_zero())?))
            })
            .collect();
        match indexed {
            Some(shards) if !shards.is_empty() => Ok(shards),
            _ => Err(self.transport.protocol("a recovery shard is missing or empty")),
        }
    }

    /// Puts one recovery shard back, as SPIKE's own command does. Role restore. Every shard must
    /// reach the same replica: [`NexusClient::restore_all`] doesn't have that trap.
    pub async fn restore(
        &self,
        index: ShareIndex,
        shard: ShardBytes,
    ) -> Result<RestoreResponse, ClientError> {
        self.v1(&RestoreRequest { id: index.get().into(), shard: Some(shard) }).await
    }

    /// Puts all recovery shards back at once. Role restore. They are checked before anything
    /// changes.
    pub async fn restore_all(&self, shards: &RestoreAll) -> Result<Restored, ClientError> {
        v2::post(&self.transport, "/v2/operator:restore", shards).await
    }

    /// Accepts a store that is older than what the Keepers have seen. Role restore.
    pub async fn accept_rollback(&self) -> Result<AcceptRollbackResponse, ClientError> {
        let nothing = serde_json::Map::new();
        v2::post(&self.transport, "/v2/operator:acceptRollback", &nothing).await
    }
}
