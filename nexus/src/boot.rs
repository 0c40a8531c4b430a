//! How a Nexus comes by its root key, keeps the Keepers whole, and gets the key back after a loss.

use std::{sync::Arc, time::Duration};

use spike_audit::Log;
use spike_core::{ClusterId, Quorum, Roles, ShareIndex, wire::v2::status::Keeper};
use spike_identity::Identity;
use spike_seal::Shard;
use spike_store::{Call, Store};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    app::Watermark,
    keys::{Keys, Reason},
};

/// Where the root key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From the Keepers.
    Keepers,
    /// Made at every start and gone at every end: memory mode.
    Fresh,
}

/// What the boot needs to know and to hold.
pub struct Inputs {
    /// Where the ring is.
    pub store: Arc<dyn Store>,
    /// The handle that it opens.
    pub keys: Keys,
    /// The policy counter to compare and to raise.
    pub watermark: Watermark,
    /// Ours.
    pub identity: Identity,
    /// What is done with keys is said there, before it counts.
    pub audit: Log,
    /// Who is who.
    pub roles: Roles,
    /// By shard index.
    pub keepers: Vec<Url>,
    /// Where the root key comes from.
    pub origin: Origin,
    /// What the environment wants.
    pub quorum: Quorum,
    /// `SPIKE_NEXUS_SHAMIR_GENERATION`.
    pub generation: u64,
    /// How often each Keeper is asked for its status.
    pub interval: Duration,
    /// `SPIKE_EXPECTED_CLUSTER_ID`.
    pub expected_cluster: Option<ClusterId>,
    /// `SPIKE_BOOTSTRAP_RECIPIENTS`.
    pub recipients: Vec<String>,
}

/// Why the boot, a recovery or a restore can't go on, by whose fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootError {
    /// The caller sent something that can't be used; the text is safe to return.
    #[error("{0}")]
    BadRequest(String),
    /// There is a root key already.
    #[error("this Nexus has its root key")]
    AlreadyInitialized,
    /// Not now.
    #[error("{}", .0.message)]
    NotReady(Reason),
}

/// How far a one-by-one restore is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Good shards so far.
    pub collected: u64,
    /// How many are missing.
    pub remaining: u64,
    /// The root key is back.
    pub restored: bool,
}

/// Everything around the root key.
pub struct Boot {
    inputs: Inputs,
}

impl Boot {
    /// Does nothing yet.
    pub fn new(inputs: Inputs) -> Self {
        Self { inputs }
    }

    /// Gets the keys, then keeps the Keepers whole, until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let _ = &self.inputs;
        stop.cancelled().await;
    }

    /// Makes the root key, exactly once per cluster.
    #[expect(clippy::unused_async, reason = "talks to store and Keepers")]
    pub async fn bootstrap(&self) -> Result<(), BootError> {
        unimplemented!()
    }

    /// The recovery shards.
    #[expect(clippy::unused_async, reason = "talks to the store")]
    pub async fn recover(&self, _call: &Call) -> Result<Vec<Shard>, BootError> {
        unimplemented!()
    }

    /// Takes one recovery shard.
    #[expect(clippy::unused_async, reason = "talks to store and Keepers")]
    pub async fn restore_one(
        &self,
        _call: &Call,
        _index: ShareIndex,
        _shard: &[u8; 32],
    ) -> Result<Progress, BootError> {
        unimplemented!()
    }

    /// Takes all recovery shards.
    #[expect(clippy::unused_async, reason = "talks to store and Keepers")]
    pub async fn restore_all(
        &self,
        _call: &Call,
        _shards: Vec<Shard>,
    ) -> Result<Progress, BootError> {
        unimplemented!()
    }

    /// What each Keeper said last, by index.
    pub fn keepers(&self) -> Vec<Keeper> {
        Vec::new()
    }

    /// Raises ring and manifest above the Keepers' witness.
    #[expect(clippy::unused_async, reason = "talks to store and Keepers")]
    pub async fn accept_rollback(&self, _call: &Call) -> Result<(u64, u64), BootError> {
        unimplemented!()
    }
}
