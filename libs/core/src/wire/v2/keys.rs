//! `/v2/keys`, `/v2/keys:ensure`: how the root key is split, and splitting it anew.

use serde::{Deserialize, Serialize};

use super::shard::SetRole;
use crate::{ClusterId, SetId, ShareIndex};

/// How the root key shall be split. Asking for the same again changes nothing.
///
/// The numbers are wide, so that one that can't be is refused by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnsureRequest {
    /// Counts the wishes; `spec.shamir.generation` of a `SpikeCluster`.
    pub generation: u64,
    /// How many shards, one per Keeper.
    pub shares: u64,
    /// How many of them rebuild the root key.
    pub threshold: u64,
    /// The generation in force that the caller knows of: refused if it is another by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<u64>,
}

/// The key ring, as far as it is public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeysResponse {
    /// The secrets store.
    pub cluster_id: ClusterId,
    /// Rises with every change of the ring.
    pub revision: u64,
    /// The epoch in which the present root key was made.
    pub root_epoch: u32,
    /// The set that is in force.
    #[serde(flatten)]
    pub current: KeySet,
    /// The set that is being put to the Keepers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<KeySet>,
    /// The set that was in force before, until the current one has settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<KeySet>,
    /// The public keys of the audit log, the newest first.
    pub audit_keys: Vec<AuditKey>,
}

/// One split of the root key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeySet {
    /// Rises with each re-share or new root key.
    pub epoch: u32,
    /// Rises with each try within an epoch.
    pub attempt: u32,
    /// The last `generation` that asked for it.
    pub generation: u64,
    /// Its name.
    pub set_id: SetId,
    /// How many shards there are.
    pub shares: u8,
    /// How many rebuild the root key.
    pub threshold: u8,
    /// The Keepers that have a shard of it, by index.
    pub keepers: Vec<Holder>,
}

impl KeySet {
    /// The Keepers that don't hold their shard as `role`.
    pub fn lacking(&self, role: SetRole) -> impl Iterator<Item = ShareIndex> {
        let lacking = self.keepers.iter().filter(move |keeper| keeper.holds != Some(role));
        lacking.map(|keeper| keeper.index)
    }
}

/// A Keeper that should hold a shard of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// Its shard.
    pub index: ShareIndex,
    /// What the set was to it when it was asked last; absent if it held no right shard of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<SetRole>,
}

/// A key that signs heads of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditKey {
    /// The key and its number, as `spike audit verify --key` takes them.
    pub key: String,
    /// False once a newer one has taken over.
    pub active: bool,
}
