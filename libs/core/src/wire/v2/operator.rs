//! `/v2/operator:…`: restoring a root key, accepting a store that was rolled back.

use serde::{Deserialize, Serialize};

use crate::{SetId, ShareIndex, wire::SecretBytes};

/// All recovery shards in one call.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreRequest {
    /// The shards, at least as many as the threshold.
    pub shards: Vec<RecoveryShard>,
}

/// One recovery shard.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryShard {
    /// Its index.
    pub index: ShareIndex,
    /// The shard.
    pub shard: SecretBytes,
}

/// What became of a restoration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreResponse {
    /// There is a root key again.
    pub restored: bool,
    /// The set of the Keepers' shards.
    pub set_id: SetId,
    /// The epoch of that set.
    pub epoch: u32,
}

/// The counters above those of the rolled-back store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptRollbackResponse {
    /// The key ring's revision.
    pub ring: u64,
    /// The policies' counter.
    pub policies: u64,
}

/// What became of the shards that came one by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResetRestoreResponse {
    /// How many were forgotten.
    pub forgotten: u64,
}
