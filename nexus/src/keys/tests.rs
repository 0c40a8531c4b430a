//! Which rings are followed.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use spike_core::{ClusterId, Quorum};
use spike_seal::Claim;
use spike_store::{CallerHash, Documents, TraceId, memory::MemoryStore};
use tokio::time::Instant;

use super::*;

fn call() -> Call {
    Call {
        guard: None,
        deadline: Instant::now() + Duration::from_secs(5),
        at: Timestamp::UNIX_EPOCH,
        trace: TraceId::default(),
        caller: CallerHash([0; 32]),
    }
}

fn unsealed(seed: u64) -> Unsealed {
    let mut random = StdRng::seed_from_u64(seed);
    let root = RootKey::generate(&mut random);
    let quorum = Quorum::new(3, 2).expect("valid");
    let claim = Claim::first(ClusterId([1; 16]), None, quorum, 1);
    let active = claim.activate(&root, &mut random);
    Unsealed::new(active, Arc::new(root)).expect("its own root")
}

fn active(ring: &KeyRing) -> RingDocument {
    RingDocument::Active(Box::new(ring.clone()))
}

async fn put(store: &MemoryStore, after: &RingDocument, before: Option<&RingDocument>) {
    let put = ring_put(after, before, [1; 16]);
    store.change(&call(), vec![put], Vec::new()).await.expect("written");
}

/// Keys that are open, and the store that they came from.
async fn opened() -> (Keys, Arc<MemoryStore>, Arc<Unsealed>) {
    let store = Arc::new(MemoryStore::new());
    let keys = Keys::sealed(store.clone(), Reason::new("starting", "just started"));
    let unsealed = unsealed(1);
    put(&store, &active(&unsealed.ring), None).await;
    let unsealed = keys.unseal(unsealed);
    (keys, store, unsealed)
}

#[tokio::test]
async fn a_ring_that_moved_is_read_again_and_believed() {
    let (keys, store, before) = opened().await;
    let quorum = before.ring.current().quorum;
    let next = before.ring.with_next_escrow(&before.root, quorum, Vec::new());
    put(&store, &active(&next), Some(&active(&before.ring))).await;
    let after = keys.at(next.revision(), &call()).await.expect("ours");
    assert_eq!(after.ring, next);
    assert_eq!(keys.open().expect("open").ring, next);
}

#[tokio::test]
async fn a_ring_that_is_below_what_was_seen_is_refused() {
    let (keys, _, present) = opened().await;
    let (seen, found) = (present.ring.revision(), Revision(1));
    let refused = keys.at(found, &call()).await.map(|_| ());
    assert!(
        matches!(refused, Err(KeysError::RolledBack { seen: s, found: f }) if (s, f) == (seen, found))
    );
}

/// The store says that the ring moved, and then shows the old one, a claim or none.
#[tokio::test]
async fn a_store_that_announces_a_ring_must_show_it() {
    let (keys, _, present) = opened().await;
    let announced = present.ring.revision().next();
    let refused = keys.at(announced, &call()).await.map(|_| ());
    assert!(matches!(refused, Err(KeysError::RolledBack { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_ring_of_another_root_is_refused() {
    let (keys, store, before) = opened().await;
    let theirs = unsealed(2);
    let raised = theirs.ring.raised_above(&theirs.root, before.ring.revision());
    put(&store, &active(&raised), Some(&active(&before.ring))).await;
    let refused = keys.at(raised.revision(), &call()).await.map(|_| ());
    assert!(matches!(refused, Err(KeysError::Ring(SealError::WrongRoot(_)))), "{refused:?}");
    assert_eq!(keys.open().expect("still open").ring, before.ring);
}

#[tokio::test]
async fn keys_of_an_older_ring_never_replace_newer_ones() {
    let (keys, _, old) = opened().await;
    let newer = old.ring.raised_above(&old.root, Revision(9));
    keys.unseal(Unsealed::new(newer, old.root.clone()).expect("ours"));
    let again = Unsealed::new(old.ring.clone(), old.root.clone()).expect("ours");
    assert_eq!(keys.unseal(again).ring.revision(), Revision(10));
    assert_eq!(keys.open().expect("open").ring.revision(), Revision(10));
}

#[tokio::test]
async fn whoever_waits_is_woken_when_there_are_keys() {
    let store = Arc::new(MemoryStore::new());
    let keys = Keys::sealed(store, Reason::new("starting", "just started"));
    assert!(!keys.explain(Reason::new("starting", "just started")), "nothing new");
    assert!(keys.explain(Reason::new("not_bootstrapped", "run it")));
    assert_eq!(keys.sealed_reason().map(|reason| reason.code), Some("not_bootstrapped"));
    let waiting = keys.clone();
    let (opened, ()) = tokio::join!(waiting.opened(), async {
        tokio::task::yield_now().await;
        keys.unseal(unsealed(1));
    });
    assert_eq!(opened.ring.cluster(), ClusterId([1; 16]));
    assert!(!keys.explain(Reason::new("late", "too late")) && keys.is_open());
}
