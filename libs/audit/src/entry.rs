//! What a program says happened. It says nothing of chains, files or signatures.

use std::{borrow::Cow, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use spike_core::SpiffeId;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The program runs from here on.
    Started,
    /// The program stops here on purpose.
    Stopped,
    /// A write was decided and is about to be committed.
    Intent,
    /// How an announced write ended.
    Outcome,
    /// Something was read; the line precedes the answer.
    Read,
    /// A caller was refused.
    Denied,
    /// A Keeper took, gave, committed or dropped a shard.
    Shard,
    /// The root key, the key ring or recovery shards were made, moved or used.
    Keys,
}

/// What was decided about a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It may.
    Allow,
    /// It may not.
    Deny,
}

/// One thing that happened.
///
/// These fields are the allow-list: no value, key, shard or token has a place here. Texts longer
/// than [`crate::MAX_TEXT`] bytes are cut, since some come from strangers.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What kind of thing.
    pub event: Event,
    /// When, by the caller's clock.
    pub time: Timestamp,
    /// Who asked.
    pub principal: Option<SpiffeId>,
    /// The operation: `secret.get`, `policy.put`, `shard.commit`, …
    pub op: &'static str,
    /// The secret's path, the policy's or the set's name.
    pub path: Option<String>,
    /// Which version of the secret.
    pub version: Option<u64>,
    /// The revision of the path's head that was read or made.
    pub head_rev: Option<u64>,
    /// Allowed or denied.
    pub decision: Option<Decision>,
    /// The policy that allowed it.
    pub policy: Option<String>,
    /// How it ended: `ok` or a stable error code.
    pub result: Option<Cow<'static, str>>,
    /// How long it took until this line.
    pub latency: Option<Duration>,
    /// The trace that the request belongs to.
    pub trace_id: Option<[u8; 16]>,
}

impl Entry {
    /// An entry with nothing but an event, an operation and a time; fill in what is known.
    pub fn new(event: Event, op: &'static str, time: Timestamp) -> Self {
        Self {
            event,
            time,
            principal: None,
            op,
            path: None,
            version: None,
            head_rev: None,
            decision: None,
            policy: None,
            result: None,
            latency: None,
            trace_id: None,
        }
    }
}
