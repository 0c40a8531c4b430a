//! Recovery shards: taken out while there is a root key, put back when there is none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::CryptoRng;
use spike_seal::{Escrow, KeyRing, Opened, RingDocument, SealError, Shard};
use spike_store::{Call, StoreError};

use super::{
    BootError, Progress, inspect,
    keepers::{look, witness},
    rollback,
    site::{Site, unavailable},
};
use crate::keys::{KeysError, Reason, Unsealed, new_tag, ring_put};

/// How often the first recovery set is tried to be written: each loss is another writer's gain.
const TRIES: u32 = 8;

/// The code of a ring that its own root doesn't vouch for.
const RING_FORGED: &str = "ring_forged";

/// The shards of the current recovery set; the first call makes one.
///
/// The digests are in the store **before** a shard leaves: a shard in the world is always one that a
/// restore accepts.
pub(super) async fn recover(
    site: &Site,
    call: &Call,
    rng: &mut (impl CryptoRng + Send),
) -> Result<Vec<Shard>, BootError> {
    for _ in 0..TRIES {
        let seen = site.store.read(call, &[]).await.map_err(|error| unavailable(&error))?;
        let unsealed = site.keys.at(seen.epochs.ring, call).await.map_err(sealed)?;
        let Unsealed { ring, root, .. } = &*unsealed;
        if let Some(escrow) = ring.escrow() {
            return shards_of(ring, escrow, &unsealed);
        }
        let next = ring.with_next_escrow(root, ring.current().quorum, Vec::new());
        let active = |ring: &KeyRing| RingDocument::Active(Box::new(ring.clone()));
        let put = ring_put(&active(&next), Some(&active(ring)), new_tag(rng));
        site.journal.write("keys.escrow", format!("ring revision {}", next.revision())).await?;
        match site.write(Some(seen.epochs), &[put]).await {
            Ok(_) => {
                let after = Unsealed::new(next, root.clone()).map_err(|error| forged(&error))?;
                site.keys.unseal(after);
            }
            Err(StoreError::Stale { .. } | StoreError::DocumentConflict { .. }) => {}
            Err(error) => return Err(unavailable(&error).into()),
        }
    }
    Err(Reason::new("contended", "the key ring kept changing: try again").into())
}

fn shards_of(
    ring: &KeyRing,
    escrow: &Escrow,
    unsealed: &Unsealed,
) -> Result<Vec<Shard>, BootError> {
    if !escrow.recipients.is_empty() {
        let text = "recovery shards are encrypted to their recipients";
        return Err(BootError::BadRequest(text.to_owned()));
    }
    let shards = ring.deal_escrow(&unsealed.root).unwrap_or_default();
    // Derived anew each time: what the ring doesn't name would be worthless to its custodian.
    if shards.iter().all(|shard| ring.is_escrow(shard)) {
        Ok(shards)
    } else {
        Err(forged(&SealError::WrongRoot(ring.current().id)))
    }
}

/// Verified recovery shards that came one by one, until they restored the root key, turned out not
/// to, or the ring named other ones.
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

    /// Forgets all.
    pub(super) fn reset(&self) {
        *self.lock() = Collection::default();
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
    if !ring.is_escrow(&shard) {
        return Err(not_ours([shard.index().get()]));
    }
    let threshold = u64::from(escrow.quorum.threshold());
    let have = u64::try_from(collected.add(escrow, shard)).unwrap_or(u64::MAX);
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
        BootError::AlreadyInitialized | BootError::Unsettled(_) => false,
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
    let bad: Vec<u8> =
        shards.iter().filter(|s| !ring.is_escrow(s)).map(|s| s.index().get()).collect();
    if !bad.is_empty() && ring.escrow().is_some() {
        return Err(not_ours(bad));
    }
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

fn not_ours(indices: impl IntoIterator<Item = u8>) -> BootError {
    let indices: Vec<String> = indices.into_iter().map(|index| index.to_string()).collect();
    let text = format!(
        "recovery shard {} is damaged, or not of the set given out last",
        indices.join(", ")
    );
    BootError::BadRequest(text)
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

fn forged(error: &SealError) -> BootError {
    Reason::new(RING_FORGED, error.to_string()).into()
}

/// Why the keys of the ring as it is can't be had.
pub(super) fn sealed(error: KeysError) -> BootError {
    let reason = match error {
        KeysError::Sealed(reason) => reason,
        KeysError::Store(error) => unavailable(&error),
        KeysError::Ring(error) => Reason::new(RING_FORGED, error.to_string()),
        error @ KeysError::RolledBack { .. } => Reason::new("store_rolled_back", error.to_string()),
    };
    BootError::NotReady(reason)
}
