//! Recovery shards, out and on trial: `GET /v2/escrow`, `/v2/operator:recover`,
//! `/v2/operator:drill`.

use serde::{Deserialize, Serialize};

use super::operator::RecoveryShard;
use crate::{ShardDigest, ShareIndex, wire::SecretBytes};

/// The recovery shards given out last, as far as they are no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Escrow {
    /// Counts the sets; a number is never used again.
    pub set: u32,
    /// How many shards there are.
    pub shares: u8,
    /// How many of them bring the root key back.
    pub threshold: u8,
    /// By index.
    pub shards: Vec<EscrowedShard>,
}

/// A recovery shard that only its custodian can read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EscrowedShard {
    /// Its index.
    pub index: ShareIndex,
    /// Of the shard and its place. It tells nothing of the shard.
    pub digest: ShardDigest,
    /// The custodian's age public key; absent if the set isn't encrypted to anyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// An armored age file for that custodian alone, another one each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ciphertext: Option<String>,
}

/// Takes recovery shards out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RecoverRequest {
    /// Make a new set, which replaces the last one; else the last one again.
    pub new_set: bool,
    /// The custodians of a new set, one age public key for each shard; none: those of the last one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
}

/// The recovery shards given out.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoverResponse {
    /// Counts the sets; a number is never used again.
    pub set: u32,
    /// How many shards there are.
    pub shares: u8,
    /// How many of them bring the root key back.
    pub threshold: u8,
    /// By index.
    pub shards: Vec<RecoveredShard>,
}

/// A recovery shard, encrypted to its custodian if it has one.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoveredShard {
    /// Its index.
    pub index: ShareIndex,
    /// The custodian's age public key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// An armored age file for that custodian alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ciphertext: Option<String>,
    /// The shard itself, only where it has no custodian.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<SecretBytes>,
}

/// Asks whether shards would restore the root key, without restoring it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrillRequest {
    /// The shards at hand.
    pub shards: Vec<RecoveryShard>,
}

/// How a drill went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrillResponse {
    /// The set that they were compared with: the one given out last.
    pub set: u32,
    /// How many shards that has.
    pub shares: u8,
    /// How many of them bring the root key back.
    pub threshold: u8,
    /// A restore with exactly these shards would bring the root key back.
    pub restores: bool,
    /// Each shard, in the order in which they came.
    pub shards: Vec<DrilledShard>,
}

/// What a drill says of one shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrilledShard {
    /// The index under which it came.
    pub index: ShareIndex,
    /// What it is worth.
    pub verdict: Verdict,
}

/// What a recovery shard is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is of the set given out last.
    Ok,
    /// The set has a shard of this index, and it has other bytes: this one is damaged, misplaced, or
    /// of another set.
    Wrong,
    /// The set has no shard of this index.
    Foreign,
    /// A good shard of this index came before it.
    Twice,
}
