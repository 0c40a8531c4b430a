//! A store that is older than what was seen of it: found, refused, and accepted only when told to.

use std::sync::Arc;

use rand::CryptoRng;
use spike_core::{Revision, wire::v2::shard::Witness};
use spike_seal::{KeyRing, RingDocument, SealError};
use spike_store::{Call, Epochs, Generation, Kind, Names, StoreError};

use super::{
    BootError, forged,
    keepers::{Sights, look, witness},
    plan,
    site::{Site, unavailable},
    start,
};
use crate::{
    app::Manifest,
    keys::{Reason, Unsealed, new_tag, ring_put},
};

/// How much another Nexus may have seen that neither we nor a Keeper was told of yet: a few steps of a
/// re-share, a few policies. Counters that are taken anew go above that as well, or it would meet
/// another ring under a revision that it knows, and refuse it for good.
pub(super) const UNTOLD: u64 = 64;

/// Compares the store with what the Keepers were told, each counter by itself.
///
/// Whoever rests on it takes the generation from a manifest that was believed: the epochs alone are
/// the store's own word.
pub(super) fn check(
    ring: Revision,
    generation: Generation,
    witness: Witness,
) -> Result<(), Reason> {
    let older = |what, found: u64, seen: u64| {
        (found < seen).then(|| format!("{what} went back from {seen} to {found}"))
    };
    let older = older("the key ring", ring.0, witness.ring)
        .or_else(|| older("the policies", generation.counter, witness.policies));
    older.map_or(Ok(()), |what| {
        let remedy =
            "restore the newest backup, or take the loss: `spike operator accept-rollback`";
        Err(Reason::new("store_rolled_back", format!("{what}: {remedy}")))
    })
}

/// Takes the store as it is: rewrites ring and manifest with counters above everything seen.
///
/// If the store is from before a re-share, the Keepers hold a set that it doesn't name, and none of
/// the set that it names: the root is split anew then, in an epoch above theirs, and the next round
/// gives them these shards. If only a part of it was put back, its counters contradict its documents:
/// they are counted anew, too.
pub(super) async fn accept(
    site: &Site,
    call: &Call,
    random: &mut (impl CryptoRng + Send),
) -> Result<(u64, u64), BootError> {
    let (epochs, ring) = site.active(call).await?;
    let sights = look(&site.keepers).await;
    let (unsealed, seen) = believed(site, *ring, &sights).await?;
    let ahead = plan::ahead(&unsealed.ring, sights.iter().filter_map(|(_, s)| s.as_ref().ok()));
    let manifest = manifest(site, call, &unsealed, epochs).await?;
    let (revision, generation) = (unsealed.ring.revision(), manifest.generation());
    let is_whole = epochs == Epochs { ring: revision, generation };
    if is_whole && check(revision, generation, seen).is_ok() && ahead.is_none() {
        let text = "the store is not older than anyone has seen: there is nothing to accept";
        return Err(BootError::BadRequest(text.to_owned()));
    }

    let raised = raised(&unsealed, Revision(seen.ring.saturating_add(UNTOLD)), ahead)?;
    let next = manifest.raised_above(seen.policies.saturating_add(UNTOLD), random);
    let (ring_counter, policies) = (raised.revision().0, next.generation().counter);
    let after = Unsealed::new(raised, unsealed.root.clone()).map_err(|e| forged(&e))?;
    let expect = Some(Revision(manifest.generation().counter));
    let puts = [
        ring_put(&active(&after.ring), Some(&active(&unsealed.ring)), new_tag(random)),
        next.put(&after.keys, random, expect).map_err(|e| forged(&e))?,
    ];
    let what = format!("ring revision {ring_counter}, policy counter {policies}");
    site.journal.write("keys.acceptRollback", what).await?;
    site.write(Some(epochs), &puts).await.map_err(changed)?;
    site.keys.unseal(after);
    site.watermark.raise(policies);
    tracing::warn!(ring = ring_counter, policies, "accepted a store that was rolled back");
    Ok((ring_counter, policies))
}

/// The ring, believed under the root that is at hand or that the Keepers still hold; and the highest
/// counters that they or this process have seen.
async fn believed(
    site: &Site,
    ring: KeyRing,
    sights: &Sights,
) -> Result<(Unsealed, Witness), BootError> {
    let told = witness(sights);
    if let Some(open) = site.keys.open() {
        let own = site.witness(open.ring.revision());
        let unsealed = Unsealed::new(ring, open.root.clone()).map_err(|e| forged(&e))?;
        return Ok((unsealed, told.max(own)));
    }
    let rebuilt = start::rebuild(site, &ring).await?;
    let unsealed = Unsealed::new(ring, Arc::new(rebuilt.opened.root)).map_err(|e| forged(&e))?;
    Ok((unsealed, told.max(rebuilt.witness)))
}

/// The ring above everything seen, and above the epoch of Keepers that are `ahead` of it.
fn raised(unsealed: &Unsealed, seen: Revision, ahead: Option<u32>) -> Result<KeyRing, BootError> {
    let Unsealed { ring, root, .. } = unsealed;
    let Some(epoch) = ahead else { return Ok(ring.raised_above(root, seen)) };
    ring.reissued_above(root, seen, epoch).map_err(|error| match error {
        SealError::OtherRoot(_) => Reason::new("rotation_under_way", error.to_string()).into(),
        error => forged(&error),
    })
}

async fn manifest(
    site: &Site,
    call: &Call,
    unsealed: &Unsealed,
    epochs: Epochs,
) -> Result<Manifest, BootError> {
    let listed = site.store.load(call, Kind::Manifest, Names::All).await;
    let listed = listed.map_err(|error| unavailable(&error))?;
    if listed.epochs != epochs {
        return Err(changed(StoreError::Stale { epochs: listed.epochs }));
    }
    let document = listed.value.first().ok_or_else(|| {
        Reason::new("store_rolled_back", "the store has a key ring but no policy manifest")
    })?;
    Manifest::open(&unsealed.keys, document).map_err(|error| forged(&error))
}

fn active(ring: &KeyRing) -> RingDocument {
    RingDocument::Active(Box::new(ring.clone()))
}

fn changed(error: StoreError) -> BootError {
    match error {
        StoreError::Stale { .. } | StoreError::DocumentConflict { .. } => {
            Reason::new("contended", "the store changed in the meantime: try again").into()
        }
        error => unavailable(&error).into(),
    }
}
