//! `GET /v2/status`: everything an operator wants to know of a Nexus, and no secret.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Reason, health::State, keys::KeySet, shard::HeldSet};
use crate::{ClusterId, SetId, ShareIndex};

/// The state of one Nexus and of what it sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// In one word.
    pub status: State,
    /// Why it isn't ready, and what else someone should look at.
    pub reasons: Vec<Reason>,
    /// Of this program.
    pub version: String,
    /// Which of several replicas.
    pub replica: String,
    /// The store's name, once there is a key ring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<ClusterId>,
    /// The key ring, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Keys>,
    /// The Keepers, by index.
    pub keepers: Vec<Keeper>,
    /// The backing store.
    pub store: Store,
    /// The policies.
    pub policies: Policies,
    /// The audit log.
    pub audit: Audit,
    /// Whether keys are kept out of swap.
    pub memory: Memory,
}

/// The key ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Keys {
    /// Rises with every change of the ring.
    pub revision: u64,
    /// `claimed` or `active`.
    pub state: RingState,
    /// Rises with each re-share or new root key.
    pub epoch: u32,
    /// The epoch in which the present root key was made.
    pub root_epoch: u32,
    /// Rises with each try within an epoch.
    pub attempt: u32,
    /// The last `generation` that someone asked for.
    pub generation: u64,
    /// The current set of shards.
    pub set_id: SetId,
    /// How many shards there are.
    pub shares: u8,
    /// How many rebuild the root key.
    pub threshold: u8,
    /// The set of a re-share that isn't committed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<KeySet>,
    /// The set before the current one, until that has settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<KeySet>,
    /// The recovery shards given out last, if any were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escrow: Option<Escrow>,
}

/// The recovery shards given out last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Escrow {
    /// Counts the sets; a number is never used again.
    pub set: u32,
    /// How many shards there are.
    pub shares: u8,
    /// How many of them bring the root key back.
    pub threshold: u8,
    /// Each is encrypted to a custodian of its own.
    pub encrypted: bool,
}

/// Whether a key ring is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RingState {
    /// A bootstrap is under way.
    Claimed,
    /// In use.
    Active,
}

/// A Keeper, as this Nexus sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Keeper {
    /// Its shard.
    pub index: ShareIndex,
    /// Where it should be.
    pub url: String,
    /// It answered the last time.
    pub reachable: bool,
    /// Why it didn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it holds.
    pub holds: Vec<HeldSet>,
    /// It holds the ring's current set, with the right digest.
    pub current: bool,
    /// When it was asked last; absent if it wasn't yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Timestamp>,
}

/// The backing store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Store {
    /// `sqlite`, `memory`, …
    pub kind: String,
    /// The schema's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<u32>,
    /// The server's or library's own version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_version: Option<String>,
    /// It takes writes now.
    pub reachable: bool,
    /// Why it doesn't: what kind of failure it is. Where and what is in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The policies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policies {
    /// Rises with every change of a policy; absent until the store told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter: Option<u64>,
}

/// The audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// Where it goes.
    pub sink: String,
    /// The number of the last line.
    pub last_seq: u64,
    /// How many lines could not be written since the start.
    pub failures: u64,
    /// The public keys that signed since the start, as `spike audit verify --key` takes them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub keys: String,
}

/// Whether keys are kept out of swap and core dumps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// They are.
    pub locked: bool,
    /// Why they aren't.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}
