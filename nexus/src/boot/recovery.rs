//! Recovery shards, put back when there is no root key. Nothing changes before all of them, and what
//! they make, are found right.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spike_seal::{Escrow, KeyRing, Opened, SealError, Shard, WhyRefused};
use spike_store::Call;

use super::{
    BootError, Progress, RING_FORGED, forged, inspect,
    keepers::{look, witness},
    rollback,
    site::Site,
};
use crate::keys::{Reason, Unsealed};

/// Verified recovery shards that came one by one, until there is a root key, from them or from the
/// Keepers, or they turned out not to make it, or the ring named other ones.
#[derive(Default)]
pub(super) struct Collected(Mutex<Collection>);

#[derive(Default)]
struct Collection {
    /// Whose shards these are; those of another set are forgotten.
    of: Option<Escrow>,
    shards: Vec<Shard>,
}

impl Collected {
    fn lock(&self) -> MutexGuard<'_, Collection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets all; returns how many there were.
    pub(super) fn reset(&self) -> u64 {
        let forgotten = std::mem::take(&mut *self.lock());
        u64::try_from(forgotten.shards.len()).unwrap_or(u64::MAX)
    }

    /// Adds a verified shard; returns how many there are. One that is there already changes nothing.
    fn add(&self, of: &Escrow, shard: Shard) -> usize {
        let mut collection = self.lock();
        if collection.of.as_ref() != Some(of) {
            *collection = Collection { of: Some(of.clone()), shards: Vec::new() };
        }
        if collection.shards.iter().all(|other| other.index() != shard.index()) {
            collection.shards.push(shard);
        }
        collection.shards.len()
    }

    fn take(&self) -> Vec<Shard> {
        std::mem::take(&mut *self.lock()).shards
    }

    fn give_back(&self, of: &Escrow, shards: Vec<Shard>) {
        for shard in shards {
            self.add(of, shard);
        }
    }
}

/// Takes one shard; the last missing one restores the root key.
pub(super) async fn restore_one(
    site: &Site,
    collected: &Collected,
    call: &Call,
    shard: Shard,
) -> Result<Progress, BootError> {
    let ring = restorable(site, call).await?;
    let escrow = ring.escrow().ok_or_else(|| refused(&SealError::NoEscrow))?;
    verify(&ring, std::slice::from_ref(&shard))?;
    let threshold = u64::from(escrow.quorum.threshold());
    let have = u64::try_from(collected.add(escrow, shard)).unwrap_or(u64::MAX);
    if site.keys.is_open() {
        // The Keepers were faster, and nobody needs this shard any more.
        collected.reset();
        return Err(BootError::AlreadyInitialized);
    }
    if have < threshold {
        let remaining = threshold - have;
        return Ok(Progress { collected: have, remaining, restored: false });
    }
    let shards = collected.take();
    let restored = restore(site, call, &ring, &shards).await;
    if restored.as_ref().is_err_and(|error| !speaks_against_shards(error)) {
        collected.give_back(escrow, shards);
    }
    restored.map(|()| Progress { collected: have, remaining: 0, restored: true })
}

/// Takes all shards at once.
pub(super) async fn restore_all(
    site: &Site,
    collected: &Collected,
    call: &Call,
    shards: &[Shard],
) -> Result<Progress, BootError> {
    let ring = restorable(site, call).await?;
    restore(site, call, &ring, shards).await?;
    collected.reset();
    let collected = u64::try_from(shards.len()).unwrap_or(u64::MAX);
    Ok(Progress { collected, remaining: 0, restored: true })
}

/// A shard is let in by the digest that a ring names which nobody could believe yet. If the shards
/// don't make that ring's root, none of them is kept: the next one begins anew. What time mends (the
/// store, the audit, a rollback) leaves them where they are.
fn speaks_against_shards(error: &BootError) -> bool {
    match error {
        BootError::BadRequest(_) => true,
        BootError::NotReady(reason) => reason.code == RING_FORGED,
        BootError::AlreadyInitialized
        | BootError::NoEscrow
        | BootError::Unsettled(_)
        | BootError::Changed { .. } => false,
    }
}

/// The ring of the store, if this Nexus has no key.
async fn restorable(site: &Site, call: &Call) -> Result<Box<KeyRing>, BootError> {
    if site.keys.is_open() {
        return Err(BootError::AlreadyInitialized);
    }
    Ok(site.active(call).await?.1)
}

/// Verifies every shard, then the result, then the store; only then anything changes.
async fn restore(
    site: &Site,
    call: &Call,
    ring: &KeyRing,
    shards: &[Shard],
) -> Result<(), BootError> {
    verify(ring, shards)?;
    let Opened { root, keys, .. } = ring.restore(shards).map_err(|error| refused(&error))?;
    let told = witness(&look(&site.keepers).await);
    let (_, present) = site.active(call).await?;
    if *present != *ring {
        return Err(Reason::new("contended", "the key ring changed: try again").into());
    }
    let manifest = inspect::manifest(site, call, &keys, ring.revision()).await?;
    rollback::check(ring.revision(), manifest.generation(), told)?;
    site.journal.write("keys.restore", ring.current().id.to_string()).await?;
    site.watermark.raise(manifest.generation().counter);
    site.keys.unseal(Unsealed { ring: ring.clone(), keys, root: Arc::new(root) });
    tracing::warn!("the root key was restored from recovery shards");
    Ok(())
}

/// Refuses if any shard is not of the set given out last, and names each that isn't.
fn verify(ring: &KeyRing, shards: &[Shard]) -> Result<(), BootError> {
    let Some((escrow, verdicts)) = ring.escrow().zip(ring.escrow_verdicts(shards)) else {
        return Err(refused(&SealError::NoEscrow));
    };
    let judged = shards.iter().zip(verdicts);
    let bad: Vec<(u8, WhyRefused)> =
        judged.filter_map(|(shard, verdict)| Some((shard.index().get(), verdict.err()?))).collect();
    let of = |wanted: &[WhyRefused]| {
        let these = bad.iter().filter(|(_, why)| wanted.contains(why));
        these.map(|(index, _)| index.to_string()).collect::<Vec<_>>().join(" and ")
    };
    let (strange, twice) =
        (of(&[WhyRefused::Digest, WhyRefused::OutOfRange]), of(&[WhyRefused::Duplicate]));
    if !strange.is_empty() {
        let Escrow { set, quorum, .. } = escrow;
        return Err(BootError::BadRequest(format!(
            "recovery shard {strange} is not of set {set}, which was given out last (any {quorum}): \
             it is of an older set or of another cluster, or it is damaged"
        )));
    }
    if !twice.is_empty() {
        return Err(BootError::BadRequest(format!("recovery shard {twice} came twice")));
    }
    Ok(())
}

/// The shards' fault is the caller's, the ring's is the store's.
fn refused(error: &SealError) -> BootError {
    match error {
        SealError::NotEnoughShards { .. } | SealError::NoEscrow => {
            BootError::BadRequest(error.to_string())
        }
        error => forged(error),
    }
}
