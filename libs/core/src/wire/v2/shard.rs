//! `/v2/shard:put|get|commit|drop|status`: what Nexus and Keepers say to each other.

use serde::{Deserialize, Serialize};

use crate::{ClusterId, Instance, SetId, ShardDigest, ShareIndex, wire::SecretBytes};

/// What a shard belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Frame {
    /// Which of several clusters of a trust domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Instance>,
    /// Which secrets store.
    pub cluster_id: ClusterId,
    /// Which polynomial of which root key.
    pub set_id: SetId,
    /// Rises with each re-share or new root key.
    pub epoch: u32,
    /// Rises with each try within an epoch.
    pub attempt: u32,
    /// How many shards there are.
    pub shares: u8,
    /// How many rebuild the root key.
    pub threshold: u8,
    /// Which shard.
    pub index: ShareIndex,
    /// Of the shard and all of the above.
    pub digest: ShardDigest,
}

/// The highest counters that anyone has seen: whoever finds lower ones in the store knows that it
/// was rolled back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Witness {
    /// The key ring's revision.
    pub ring: u64,
    /// The policies' counter.
    pub policies: u64,
}

impl Witness {
    /// The highest counter that anyone is told of or believes to have been seen.
    ///
    /// Honest counters rise by one: a write per nanosecond gets there in 146 years. A store counts
    /// twice as far, so above any witness there is room for a store that shall go on.
    pub const HIGHEST: u64 = 1 << 62;

    /// True if honest counters can have come this far.
    pub const fn is_possible(self) -> bool {
        self.ring <= Self::HIGHEST && self.policies <= Self::HIGHEST
    }

    /// What may be told: a store that went on above [`Witness::HIGHEST`] is witnessed as that.
    pub fn capped(self) -> Self {
        Self { ring: self.ring.min(Self::HIGHEST), policies: self.policies.min(Self::HIGHEST) }
    }

    /// The higher of both, each counter by itself.
    pub fn max(self, other: Self) -> Self {
        Self { ring: self.ring.max(other.ring), policies: self.policies.max(other.policies) }
    }
}

/// Where a Keeper shall put a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PutAs {
    /// Beside the current set, until it is committed.
    Pending,
    /// In the place of a current set that is missing or older.
    Current,
}

/// Gives a Keeper a shard.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutRequest {
    /// What it belongs to.
    #[serde(flatten)]
    pub frame: Frame,
    /// Its 32 bytes.
    pub shard: SecretBytes,
    /// Where to put it.
    #[serde(rename = "as")]
    pub put_as: PutAs,
    /// What the sender has seen.
    #[serde(default)]
    pub witness: Witness,
}

/// Asks a Keeper for its shard of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetRequest {
    /// Which secrets store.
    pub cluster_id: ClusterId,
    /// Which set.
    pub set_id: SetId,
    /// What the sender has seen, if it has seen anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<Witness>,
}

/// A shard.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetResponse {
    /// What it belongs to.
    #[serde(flatten)]
    pub frame: Frame,
    /// Its 32 bytes.
    pub shard: SecretBytes,
}

/// Makes the pending set the current one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitRequest {
    /// Which secrets store.
    pub cluster_id: ClusterId,
    /// Which set.
    pub set_id: SetId,
    /// The set's epoch.
    pub epoch: u32,
    /// The set's attempt.
    pub attempt: u32,
    /// What the sender has seen.
    #[serde(default)]
    pub witness: Witness,
}

/// Makes a Keeper forget a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DropRequest {
    /// Which secrets store.
    pub cluster_id: ClusterId,
    /// Which set.
    pub set_id: SetId,
    /// What is in force. A Keeper forgets its current set only if this is later and has no shard
    /// for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force: Option<InForce>,
}

/// The set that is in force, as far as a Keeper without a shard of it must know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InForce {
    /// Its epoch.
    pub epoch: u32,
    /// How many shards it has.
    pub shares: u8,
}

/// What a set is to the Keeper that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SetRole {
    /// The one to rebuild the root key from.
    Current,
    /// The one before, until the current one is proved.
    Previous,
    /// Put but not committed.
    Pending,
}

/// A set that a Keeper holds a shard of. Never a bit of the shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldSet {
    /// What it is to the Keeper.
    pub role: SetRole,
    /// Its epoch.
    pub epoch: u32,
    /// Its attempt.
    pub attempt: u32,
    /// Which set.
    pub set_id: SetId,
    /// Which secrets store.
    pub cluster_id: ClusterId,
    /// Of the shard.
    pub digest: ShardDigest,
}

/// What a Keeper holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusResponse {
    /// The shard that this Keeper is for.
    pub index: ShareIndex,
    /// The sets, the current one first.
    pub sets: Vec<HeldSet>,
    /// The highest counters that it was told.
    pub witness: Witness,
    /// True if it holds a shard of SPIKE's own protocol.
    pub unframed: bool,
}
