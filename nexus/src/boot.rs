//! How a Nexus comes by its root key, keeps the Keepers whole, and gets the key back after a loss.
//!
//! Decisions are pure functions of what was observed (`plan`, `rollback`, [`spike_seal::KeyRing`]);
//! the rest of this module observes and carries out. Nothing here serves a request, and nothing
//! here ever makes a second root key for a store that had one: in doubt it stays sealed and says
//! why.

mod bootstrap;
mod drill;
mod escrow;
mod inspect;
mod journal;
mod keepers;
mod plan;
mod recovery;
mod rehydrate;
mod reshare;
mod rollback;
mod site;
mod start;

use std::{sync::Arc, time::Duration};

use rand::{rand_core::UnwrapErr, rngs::SysRng};
use spike_audit::Log;
use spike_client::ClientError;
use spike_core::{
    ClusterId, Quorum, Roles, ShareIndex,
    wire::v2::{escrow::Escrow, keys::Holder, status::Keeper as KeeperStatus},
};
use spike_custodians::Recipients;
use spike_identity::Identity;
use spike_seal::{SealError, Shard, ShardSet};
use spike_store::{Call, Store};
use tokio_util::sync::CancellationToken;
use url::Url;

pub use self::reshare::{Asked, Wish};
use self::{
    bootstrap::Outcome,
    keepers::Peer,
    recovery::Collected,
    reshare::Turn,
    site::{Pace, Site},
};
pub use self::{
    drill::Drilled,
    escrow::{Given, Parcel, Wanted},
};
use crate::{
    app::{Trouble, Watermark},
    keys::{Keys, Reason, Unsealed},
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
    /// What is done with keys is said there, before it counts.
    pub audit: Log,
    /// Ours.
    pub identity: Identity,
    /// Who is who.
    pub roles: Roles,
    /// By shard index.
    pub keepers: Vec<Url>,
    /// Where the root key comes from.
    pub origin: Origin,
    /// What the environment wants.
    pub quorum: Quorum,
    /// Whom recovery shards are encrypted to when the root key is made.
    pub recipients: Recipients,
    /// `SPIKE_NEXUS_SHAMIR_GENERATION`.
    pub generation: u64,
    /// How often each Keeper is asked for its status.
    pub interval: Duration,
    /// `SPIKE_EXPECTED_CLUSTER_ID`.
    pub expected_cluster: Option<ClusterId>,
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
    /// One re-share after the other: which one has not settled yet.
    #[error("the re-share to {0} has not settled yet: `spike status` says what it waits for")]
    Unsettled(String),
    /// The caller knew of another generation than the one in force.
    #[error("generation {in_force} is in force, not {expected}: look at the keys, then ask again")]
    Changed {
        /// What is in force.
        in_force: u64,
        /// What the caller knew of.
        expected: u64,
    },
    /// No recovery shards were ever given out.
    #[error("no recovery shards were ever given out")]
    NoEscrow,
    /// Not now.
    #[error("{}: {}", .0.code, .0.message)]
    NotReady(Reason),
}

impl From<Reason> for BootError {
    fn from(reason: Reason) -> Self {
        Self::NotReady(reason)
    }
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
    site: Site,
    origin: Origin,
    collected: Collected,
}

impl Boot {
    /// Nothing is read or connected yet.
    ///
    /// # Errors
    ///
    /// [`ClientError::Url`] for a Keeper's URL that can't be used.
    pub fn new(inputs: Inputs) -> Result<Self, ClientError> {
        let keepers = Peer::all(&inputs.identity, &inputs.roles, inputs.keepers)?;
        let site = Site {
            store: inputs.store,
            keys: inputs.keys,
            watermark: inputs.watermark,
            keepers,
            instance: inputs.roles.instance,
            quorum: inputs.quorum,
            recipients: inputs.recipients,
            generation: inputs.generation,
            interval: inputs.interval,
            pace: Pace::USUAL,
            expected_cluster: inputs.expected_cluster,
            board: keepers::Board::default(),
            journal: Arc::new(inputs.audit),
            trouble: Trouble::default(),
            unproved: Trouble::default(),
        };
        Ok(Self { site, origin: inputs.origin, collected: Collected::default() })
    }

    /// Gets the keys, then keeps the Keepers whole, until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let work = async {
            match self.origin {
                Origin::Fresh => start::fresh(&self.site, &mut system_random()).await,
                Origin::Keepers => start::until_open(&self.site).await,
            }
            // A key that came from the Keepers needs no recovery shards.
            self.collected.reset();
            if self.origin == Origin::Keepers {
                rehydrate::forever(&self.site).await;
            }
        };
        stop.run_until_cancelled(work).await;
    }

    /// Makes the root key, exactly once per cluster; fine if there is one.
    ///
    /// It is fine, and only logged, even if too few Keepers hold it: a Nexus that has it gives it
    /// back to them, whether there is one can't be seen from here, and no bootstrap would help.
    ///
    /// # Errors
    ///
    /// [`BootError::NotReady`] names what is in the way and the remedy; nothing was made then, or
    /// only a claim that the next run takes over.
    pub async fn bootstrap(&self) -> Result<(), BootError> {
        let outcome = bootstrap::run(&self.site, &mut system_random()).await?;
        match outcome {
            Outcome::Made => tracing::info!("made the root key"),
            Outcome::Present => {
                tracing::info!("there is a root key already: nothing was made");
            }
            Outcome::AtRisk(reason) => tracing::error!(
                code = reason.code,
                "there is a root key and no other is made, but {}",
                reason.message
            ),
        }
        Ok(())
    }

    /// The recovery shards: made at the first call or if a new set is wanted, else the same ones
    /// again.
    pub async fn recover(&self, call: &Call, wanted: Wanted) -> Result<Given, BootError> {
        if self.origin == Origin::Fresh {
            let text = "in memory mode there is nothing to recover";
            return Err(BootError::BadRequest(text.to_owned()));
        }
        escrow::recover(&self.site, call, wanted, &mut system_random()).await
    }

    /// The recovery shards given out last, as far as they are no secret.
    pub async fn escrow(&self, call: &Call) -> Result<Escrow, BootError> {
        escrow::shown(&self.site, call).await
    }

    /// Whether these shards would restore the root key. Nothing changes.
    pub async fn drill(&self, call: &Call, shards: Vec<Shard>) -> Result<Drilled, BootError> {
        drill::drill(&self.site, call, &shards).await
    }

    /// Takes one recovery shard. The shards of one restore must reach the same replica.
    pub async fn restore_one(
        &self,
        call: &Call,
        index: ShareIndex,
        shard: &[u8; 32],
    ) -> Result<Progress, BootError> {
        recovery::restore_one(&self.site, &self.collected, call, Shard::received(index, shard))
            .await
    }

    /// Takes all recovery shards.
    pub async fn restore_all(
        &self,
        call: &Call,
        shards: Vec<Shard>,
    ) -> Result<Progress, BootError> {
        recovery::restore_all(&self.site, &self.collected, call, &shards).await
    }

    /// Forgets the recovery shards that came one by one; returns how many there were.
    pub fn reset_restore(&self) -> u64 {
        self.collected.reset()
    }

    /// Raises ring and manifest above the Keepers' witness; returns their new counters.
    pub async fn accept_rollback(&self, call: &Call) -> Result<(u64, u64), BootError> {
        rollback::accept(&self.site, call, &mut system_random()).await
    }

    /// The ring that has this split in force or as its target, so far as the ring goes: the Keepers
    /// follow.
    pub async fn ensure(&self, call: &Call, asked: Asked) -> Result<Arc<Unsealed>, BootError> {
        if self.origin == Origin::Fresh {
            let text = "in memory mode there are no Keepers to share the root key";
            return Err(BootError::BadRequest(text.to_owned()));
        }
        reshare::ensure(&self.site, call, asked, &mut system_random()).await
    }

    /// What is known of the Keepers, by index.
    pub fn keepers(&self) -> Vec<KeeperStatus> {
        self.site.board.of(&self.site.keepers)
    }

    /// True unless it is known that what is in force has no shard for that Keeper.
    pub(crate) fn has_part(&self, keeper: ShareIndex) -> bool {
        self.site.keys.open().is_none_or(|open| open.ring.current().quorum.has(keeper))
    }

    /// What the store lost or replaced under this Nexus, as the last round saw it.
    pub(crate) fn trouble(&self) -> Option<Reason> {
        self.site.trouble.now()
    }

    /// What someone should look at though this Nexus serves.
    pub fn advice(&self) -> Vec<Reason> {
        let site = &self.site;
        let Some(unsealed) = site.keys.open().filter(|_| self.origin == Origin::Keepers) else {
            return Vec::new();
        };
        let ring = &unsealed.ring;
        let wanted = Wish { generation: site.generation, quorum: site.quorum };
        let advice = plan::advice(ring, wanted, site.keepers.len(), site.board.holding());
        let turn = Turn::of(ring, &site.board.statuses()).told(ring);
        advice.into_iter().chain(turn).chain(site.unproved.now()).collect()
    }

    /// The Keepers' parts in a set, as they were seen last.
    pub(crate) fn holders(&self, cluster: ClusterId, set: &ShardSet) -> Vec<Holder> {
        self.site.board.holders(cluster, set)
    }
}

/// The code of a ring that its own root doesn't vouch for.
const RING_FORGED: &str = "ring_forged";

/// The ring is not this root's.
fn forged(error: &SealError) -> BootError {
    Reason::new(RING_FORGED, error.to_string()).into()
}

/// The operating system's randomness. It blocks until there is some and then never fails.
fn system_random() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

#[cfg(test)]
mod tests;
