//! The two documents that a cluster can't be without, read and believed afresh.
//!
//! Requests are decided by what is held in memory and by the store's epochs, so they go on when
//! ring or manifest are lost or replaced; the next start wouldn't. Someone has to look while there
//! still is a process that holds what they were. Nothing is put back here: what else such a store
//! lost or kept of an older state is for people to judge.

use std::sync::Arc;

use spike_core::Revision;
use spike_seal::{RingDocument, RingKeys};
use spike_store::{Call, Kind, Names};

use super::site::{Present, Site, lost_ring, unavailable};
use crate::{
    app::{Manifest, believe},
    keys::{KeysError, Reason, Unsealed},
};

/// So often both are read if the ring changes in between.
const TRIES: u32 = 8;

/// The keys of the store's ring, which has a manifest beside it that is no older than any seen.
pub(super) async fn documents(site: &Site) -> Result<Arc<Unsealed>, Reason> {
    let mut changed = None;
    for _ in 0..TRIES {
        let call = site.call(None);
        let unsealed = ring(site, &call).await?;
        match manifest(site, &call, &unsealed.keys, unsealed.ring.revision()).await {
            Ok(manifest) => {
                site.watermark.raise(manifest.generation().counter);
                return Ok(unsealed);
            }
            Err(reason) if reason.code == CHANGED => changed = Some(reason),
            Err(reason) => return Err(reason),
        }
    }
    Err(changed.unwrap_or_else(|| Reason::new(CHANGED, "the key ring kept changing")))
}

/// The code of a ring that changed between two looks.
const CHANGED: &str = "contended";

/// The manifest that the store shows beside this ring, believed under its keys.
pub(super) async fn manifest(
    site: &Site,
    call: &Call,
    keys: &RingKeys,
    ring: Revision,
) -> Result<Manifest, Reason> {
    let floor = site.watermark.get();
    let seen = site.store.load(call, Kind::Manifest, Names::All).await;
    let seen = seen.map_err(|error| unavailable(&error))?;
    if seen.epochs.ring > ring {
        return Err(Reason::new(CHANGED, "the key ring changed: try again"));
    }
    believe(keys, &seen, floor).map_err(Reason::from)
}

/// The ring that the store shows, if it is the one that is held or follows it.
async fn ring(site: &Site, call: &Call) -> Result<Arc<Unsealed>, Reason> {
    // Before the store is asked: what another replica writes meanwhile is newer, not a rollback.
    let held = site.keys.opened().await;
    let Present { epochs, ring } = site.present(call).await?;
    let Some(RingDocument::Active(ring)) = ring else {
        return Err(lost_ring("the store has lost its key ring under a running Nexus"));
    };
    let shown = ring.revision();
    let seen = held.ring.revision().max(epochs.ring).max(shown);
    let found = shown.min(epochs.ring);
    if found < seen {
        let went_back = KeysError::RolledBack { seen, found };
        return Err(Reason::new("store_rolled_back", went_back.to_string()));
    }
    if *ring == held.ring {
        return Ok(held);
    }
    let unsealed = Unsealed::new(*ring, held.root.clone());
    let unsealed = unsealed.map_err(|error| Reason::new("ring_forged", error.to_string()))?;
    if shown == held.ring.revision() {
        let text = format!("the key ring of revision {shown} is not the one that was there before");
        return Err(Reason::new("store_rolled_back", text));
    }
    Ok(site.keys.unseal(unsealed))
}
