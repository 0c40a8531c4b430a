//! `/v1/operator/…` and `/v2/operator:…`: recovery shards, out and in.

use spike_core::{
    ShareIndex,
    wire::{
        ShardBytes,
        v1::{RestoreRequest, RestoreResponse},
        v2::{
            escrow::{
                DrillRequest, DrillResponse, Escrow, RecoverRequest, RecoverResponse,
                RecoveredShard,
            },
            operator::{
                AcceptRollbackResponse, ResetRestoreResponse, RestoreRequest as RestoreAll,
                RestoreResponse as Restored,
            },
        },
    },
};

use super::NexusClient;
use crate::{ClientError, v2};

impl NexusClient {
    /// Takes recovery shards out, of the last set or of a new one. Role recover.
    ///
    /// Each is for one custodian, as ciphertext, or it is the shard itself.
    pub async fn recover(&self, wanted: &RecoverRequest) -> Result<RecoverResponse, ClientError> {
        let given: RecoverResponse =
            v2::post(&self.transport, "/v2/operator:recover", wanted).await?;
        let whole = |shard: &RecoveredShard| match (&shard.ciphertext, &shard.shard) {
            (Some(file), None) => !file.is_empty() && shard.recipient.is_some(),
            (None, Some(bytes)) => bytes.as_slice().len() == 32,
            _ => false,
        };
        if given.shards.len() == usize::from(given.shares) && given.shards.iter().all(whole) {
            Ok(given)
        } else {
            Err(self.transport.protocol("a recovery shard is missing or empty"))
        }
    }

    /// The last set of recovery shards, as only its custodians can read it. Roles recover, superuser
    /// and operator.
    pub async fn escrow(&self) -> Result<Escrow, ClientError> {
        v2::get(&self.transport, "/v2/escrow").await
    }

    /// Asks whether recovery shards would restore the root key; nothing is restored. Roles restore
    /// and recover.
    pub async fn drill(&self, shards: &DrillRequest) -> Result<DrillResponse, ClientError> {
        v2::post(&self.transport, "/v2/operator:drill", shards).await
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

    /// Has Nexus forget the shards that came one by one. Role restore.
    pub async fn reset_restore(&self) -> Result<ResetRestoreResponse, ClientError> {
        let nothing = serde_json::Map::new();
        v2::post(&self.transport, "/v2/operator:resetRestore", &nothing).await
    }

    /// Accepts a store that is older than what the Keepers have seen. Role restore.
    pub async fn accept_rollback(&self) -> Result<AcceptRollbackResponse, ClientError> {
        let nothing = serde_json::Map::new();
        v2::post(&self.transport, "/v2/operator:acceptRollback", &nothing).await
    }
}
