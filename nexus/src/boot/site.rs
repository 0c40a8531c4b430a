//! What every part of the boot works on: the store, the Keepers, the keys.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use spike_core::{ClusterId, Instance, Quorum, Revision, wire::v2::shard::Witness};
use spike_custodians::Recipients;
use spike_seal::{KeyRing, RingDocument};
use spike_store::{Call, CallerHash, DocumentPut, Epochs, Store, StoreError, TraceId};
use tokio::time::Instant;

use super::{
    journal::Journal,
    keepers::{Board, Peer},
};
use crate::{
    app::{Trouble, Watermark},
    keys::{Keys, Reason, RingRead},
    pulse::UNAVAILABLE,
};

/// How often a write is sent whose answer got lost, or that the store couldn't take.
const WRITES: u32 = 5;

/// Every wait of the boot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// For one store call.
    pub(super) store: Duration,
    /// Before a failed write is sent again, times the number of failures.
    pub(super) write: Duration,
    /// For one question to a Keeper, connecting included. It answers from memory.
    pub(super) ask: Duration,
    /// For the other Keepers once there are enough shards: what they remember counts too.
    pub(super) grace: Duration,
    /// Between two attempts to open, at first; it grows by half each time.
    pub(super) first_attempt: Duration,
    /// Between two attempts to open, at most: a Keeper that comes back is noticed within it.
    pub(super) attempt: Duration,
    /// For another bootstrap that was faster to finish.
    pub(super) overtaken: Duration,
    /// For all Keepers to commit. After that every Nexus that has its keys sees to it.
    pub(super) commits: Duration,
    /// Between two looks of a bootstrap at ring or Keepers.
    pub(super) look: Duration,
    /// Before Keepers are told of a new policy counter: changes in a row are told at once.
    pub(super) tell: Duration,
    /// Between two rounds at most, while something is wrong with the store.
    pub(super) trouble: Duration,
    /// Between two rounds at most, while a re-share waits for Keepers.
    pub(super) reshare: Duration,
    /// Between two rounds at most, while a Keeper of the ring lacks its shard: the time until it has
    /// it again is the time in which the others may not fail.
    pub(super) lack: Duration,
}

impl Pace {
    /// What it is outside tests.
    pub(super) const USUAL: Self = Self {
        store: Duration::from_secs(5),
        write: Duration::from_millis(100),
        ask: Duration::from_secs(3),
        grace: Duration::from_millis(300),
        first_attempt: Duration::from_millis(100),
        attempt: Duration::from_secs(2),
        overtaken: Duration::from_secs(10),
        commits: Duration::from_secs(30),
        look: Duration::from_millis(250),
        tell: Duration::from_millis(250),
        trouble: Duration::from_secs(1),
        reshare: Duration::from_secs(1),
        lack: Duration::from_secs(2),
    };
}

/// Where the boot happens.
pub(super) struct Site {
    pub(super) store: Arc<dyn Store>,
    pub(super) keys: Keys,
    pub(super) watermark: Watermark,
    /// By index.
    pub(super) keepers: Vec<Peer>,
    pub(super) instance: Option<Instance>,
    pub(super) quorum: Quorum,
    pub(super) recipients: Recipients,
    pub(super) generation: u64,
    pub(super) interval: Duration,
    pub(super) pace: Pace,
    pub(super) expected_cluster: Option<ClusterId>,
    pub(super) board: Board,
    pub(super) journal: Arc<dyn Journal>,
    /// What the last round found wrong with the store.
    pub(super) trouble: Trouble,
    /// Why a re-share that all Keepers hold doesn't settle.
    pub(super) unproved: Trouble,
}

/// The ring as the store shows it.
pub(super) struct Present {
    pub(super) epochs: Epochs,
    pub(super) ring: Option<RingDocument>,
}

impl Site {
    /// A call of the boot itself, in nobody's name.
    pub(super) fn call(&self, guard: Option<Epochs>) -> Call {
        Call {
            guard,
            deadline: Instant::now() + self.pace.store,
            at: Timestamp::now(),
            trace: TraceId::default(),
            caller: CallerHash([0; 32]),
        }
    }

    /// Reads the ring and refuses one that isn't for us.
    ///
    /// # Errors
    ///
    /// A store that fails or shows nonsense is an error and never "no ring".
    pub(super) async fn present(&self, call: &Call) -> Result<Present, Reason> {
        let read = RingRead::from(&*self.store, call).await;
        let RingRead { epochs, document } = read.map_err(|error| unavailable(&error))?;
        let ring = document.map_err(|error| Reason::new("ring_unreadable", error.to_string()))?;
        if let Some(ring) = &ring {
            self.is_ours(ring)?;
        }
        if ring.is_none() && epochs.ring > Revision(0) {
            return Err(lost_ring("the store counts changes of a key ring that it doesn't have"));
        }
        Ok(Present { epochs, ring })
    }

    /// Reads the ring, which must be an active one.
    pub(super) async fn active(&self, call: &Call) -> Result<(Epochs, Box<KeyRing>), Reason> {
        let Present { epochs, ring } = self.present(call).await?;
        match ring {
            Some(RingDocument::Active(ring)) => Ok((epochs, ring)),
            Some(RingDocument::Claimed(_)) => {
                let text = "a bootstrap is under way or was cut short: run `nexus bootstrap` again";
                Err(Reason::new("bootstrap_underway", text))
            }
            None => Err(Reason::new(
                "not_bootstrapped",
                "there is no root key yet: run `nexus bootstrap`",
            )),
        }
    }

    fn is_ours(&self, ring: &RingDocument) -> Result<(), Reason> {
        let cluster = ring.cluster();
        if let Some(wanted) = self.expected_cluster.filter(|wanted| *wanted != cluster) {
            let text =
                format!("the store is of cluster {cluster}, SPIKE_EXPECTED_CLUSTER_ID is {wanted}");
            return Err(Reason::new("wrong_cluster", text));
        }
        if ring.instance() != self.instance.as_ref() {
            let name = |instance: Option<&Instance>| {
                instance.map_or_else(|| "no instance".to_owned(), ToString::to_string)
            };
            let (found, wanted) = (name(ring.instance()), name(self.instance.as_ref()));
            let text = format!("the store belongs to {found}, SPIKE_INSTANCE says {wanted}");
            return Err(Reason::new("wrong_instance", text));
        }
        Ok(())
    }

    /// Writes documents, all or none. A write whose answer got lost is sent again: the store knows
    /// it by its tags.
    pub(super) async fn write(
        &self,
        guard: Option<Epochs>,
        puts: &[DocumentPut],
    ) -> Result<Epochs, StoreError> {
        let mut failures = 0;
        loop {
            let sent = self.store.change(&self.call(guard), puts.to_vec(), Vec::new()).await;
            match sent {
                Err(
                    StoreError::Ambiguous { .. } | StoreError::Unavailable { retryable: true, .. },
                ) if failures < WRITES => {
                    failures += 1;
                    tokio::time::sleep(self.pace.write.saturating_mul(failures)).await;
                }
                other => return other,
            }
        }
    }

    /// What this process knows without asking anyone.
    pub(super) fn known(&self) -> Witness {
        let ring = self.keys.open().map_or(Revision(0), |unsealed| unsealed.ring.revision());
        self.witness(ring)
    }

    /// What this process has verified and tells the Keepers.
    pub(super) fn witness(&self, ring: Revision) -> Witness {
        Witness { ring: ring.0, policies: self.watermark.get() }
    }
}

/// The store doesn't answer as it should. Where and what exactly is for the log.
pub(super) fn unavailable(error: &StoreError) -> Reason {
    tracing::debug!("{error}");
    Reason::new(UNAVAILABLE, error.class())
}

/// Something shows that there was a ring: no one makes a new one then.
pub(super) fn lost_ring(why: &str) -> Reason {
    Reason::new("store_lost_ring", format!("{why}: restore the store from a backup"))
}
