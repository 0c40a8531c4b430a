//! Rings that have more than one set: what a re-share or a rotation that was cut short leaves behind.

use chacha20::ChaCha20Rng;
use rand::SeedableRng;
use spike_core::ClusterId;

use super::*;
use crate::{KeyPurpose, derive::mac, ring_keys::RingKey};

const CLUSTER: ClusterId = ClusterId([1; 16]);

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([1; 32])
}

fn quorum(shares: u64, threshold: u64) -> Quorum {
    Quorum::new(shares, threshold).expect("valid")
}

fn active(root: &RootKey) -> KeyRing {
    Claim::first(CLUSTER, None, quorum(3, 2), 1).activate(root, &mut rng())
}

/// As after the commit of a re-share: the set before is kept until the new one has settled.
fn reshared(root: &RootKey) -> KeyRing {
    let before = active(root);
    let split = Split { cluster: CLUSTER, epoch: 2, attempt: 1, quorum: quorum(5, 3) };
    KeyRing {
        current: ShardSet::of(split, 2, root),
        previous: Some(SideSet { set: before.current.clone(), root: None }),
        revision: before.revision.next(),
        ..before
    }
    .signed(root)
}

/// As after the commit of a new root: the old root still vouches for its own part.
fn rotated(old: &RootKey, new: &RootKey) -> KeyRing {
    let before = active(old);
    let former = SideSet {
        set: before.current.clone(),
        root: Some(SideRoot { keys: before.keys.clone(), mac: [0; 32] }),
    };
    let signature = mac(&old.ring_key(CLUSTER), &before.authenticated_side(&former));
    let root = former.root.map(|side| SideRoot { mac: signature, ..side });
    let split = Split { cluster: CLUSTER, epoch: 2, attempt: 1, quorum: quorum(3, 2) };
    let rewrapped = before.keys.iter().map(|key| {
        let key = key.unwrap(CLUSTER, old).expect("wrapped by it");
        WrappedKey::wrap(&key, CLUSTER, new, &mut rng())
    });
    KeyRing {
        current: ShardSet::of(split, 2, new),
        root_epoch: 2,
        keys: rewrapped.collect(),
        previous: Some(SideSet { set: former.set, root }),
        ..before
    }
    .signed(new)
}

fn decoded(ring: &KeyRing) -> KeyRing {
    let bytes = RingDocument::Active(Box::new(ring.clone())).encode();
    match RingDocument::decode(&bytes) {
        Ok(RingDocument::Active(ring)) => *ring,
        other => panic!("an active ring, not {other:?}"),
    }
}

#[test]
fn shards_of_the_previous_set_open_a_ring_that_was_reshared() {
    let root = RootKey::generate(&mut rng());
    let ring = decoded(&reshared(&root));
    let old = active(&root).deal(&root).expect("its own root");
    let opened = ring.rebuild(&old).expect("the previous quorum");
    assert_eq!((opened.source, opened.refused.len()), (Source::Previous, 0));
    let new = ring.deal(&root).expect("its own root");
    assert_eq!(ring.rebuild(&new).expect("the current quorum").source, Source::Current);
}

#[test]
fn shards_of_two_sets_of_one_root_do_not_add_up() {
    let root = RootKey::generate(&mut rng());
    let ring = reshared(&root);
    let old = active(&root).deal(&root).expect("its own root").swap_remove(0);
    let mut mixed = ring.deal(&root).expect("its own root");
    mixed.truncate(2);
    mixed.push(old);
    let needed = SealError::NotEnoughShards { have: 2, need: 3 };
    assert_eq!(ring.rebuild(&mixed).err(), Some(needed));
}

#[test]
fn the_old_root_opens_its_own_part_of_a_ring_that_was_rotated() {
    let mut random = rng();
    let (old, new) = (RootKey::generate(&mut random), RootKey::generate(&mut random));
    let ring = decoded(&rotated(&old, &new));
    let by_old = ring.rebuild(&active(&old).deal(&old).expect("its own")).expect("a quorum");
    let by_new = ring.rebuild(&ring.deal(&new).expect("its own")).expect("a quorum");
    assert_eq!((by_old.source, by_new.source), (Source::Previous, Source::Current));
    assert_eq!(by_old.keys.audit_key(), by_new.keys.audit_key());
    assert_eq!(ring.open(&old).err(), Some(SealError::WrongRoot(ring.current.id)));
}

#[test]
fn an_edited_part_of_the_old_root_is_missed_by_either_root() {
    let mut random = rng();
    let (old, new) = (RootKey::generate(&mut random), RootKey::generate(&mut random));
    let mut ring = rotated(&old, &new);
    let shards = active(&old).deal(&old).expect("its own");
    if let Some(side) = &mut ring.previous {
        side.set.generation += 1;
    }
    assert_eq!(ring.rebuild(&shards).err(), Some(SealError::RingForged));
    assert_eq!(ring.open(&new).err(), Some(SealError::RingForged));
}

#[test]
fn a_pending_set_is_under_the_rings_mac() {
    let root = RootKey::generate(&mut rng());
    let split = Split { cluster: CLUSTER, epoch: 2, attempt: 1, quorum: quorum(5, 3) };
    let set = ShardSet::of(split, 2, &root);
    let pending = Some(SideSet { set, root: None });
    let ring = KeyRing { pending, ..active(&root) }.signed(&root);
    let read = decoded(&ring);
    assert_eq!(read, ring);
    assert!(read.open(&root).is_ok());
    assert_eq!(read.set_ids().count(), 2);
    let without = KeyRing { pending: None, ..read };
    assert_eq!(without.open(&root).err(), Some(SealError::RingForged));
}

/// The same ring with other keys, properly signed.
fn with_keys(root: &RootKey, keys: &[(u32, KeyPurpose, bool)]) -> KeyRing {
    let mut rng = rng();
    let wrapped = keys.iter().map(|&(id, purpose, active)| {
        let key = RingKey { active, ..RingKey::generate(id, purpose, &mut rng) };
        WrappedKey::wrap(&key, CLUSTER, root, &mut rng)
    });
    KeyRing { keys: wrapped.collect(), ..active(root) }.signed(root)
}

const ONE_OF_EACH: [(u32, KeyPurpose, bool); 4] = [
    (1, KeyPurpose::Record, true),
    (2, KeyPurpose::Index, true),
    (3, KeyPurpose::Cipher, true),
    (4, KeyPurpose::Audit, true),
];

#[test]
fn a_ring_without_an_active_key_of_some_purpose_does_not_open() {
    let root = RootKey::generate(&mut rng());
    for at in 0..ONE_OF_EACH.len() {
        let mut keys = ONE_OF_EACH;
        keys[at].2 = false;
        let opened = with_keys(&root, &keys).open(&root);
        assert!(matches!(opened, Err(SealError::RingMalformed(_))), "{:?}", ONE_OF_EACH[at]);
    }
}

#[test]
fn a_retired_key_still_opens_what_it_sealed() {
    let root = RootKey::generate(&mut rng());
    let old = with_keys(&root, &ONE_OF_EACH);
    let mut rotated = old.clone();
    for key in &mut rotated.keys {
        key.active = !matches!(key.purpose, KeyPurpose::Record | KeyPurpose::Cipher);
    }
    for (id, purpose) in [(5, KeyPurpose::Record), (6, KeyPurpose::Cipher)] {
        let key = RingKey::generate(id, purpose, &mut rng());
        rotated.keys.push(WrappedKey::wrap(&key, CLUSTER, &root, &mut rng()));
    }
    let (before, after) = (old.open(&root).expect("ours"), rotated.signed(&root));
    let after = after.open(&root).expect("ours");

    let text = before.encrypt(&mut rng(), b"old").expect("it encrypts");
    let opened = after.decrypt(text.version, &text.nonce, &text.ciphertext);
    assert_eq!(opened.expect("tried after the newest").as_slice(), b"old");
    let newer = after.encrypt(&mut rng(), b"new").expect("it encrypts");
    assert!(before.decrypt(newer.version, &newer.nonce, &newer.ciphertext).is_err());
}

#[test]
fn a_seventeenth_cipher_key_is_refused() {
    let root = RootKey::generate(&mut rng());
    let more = |count: u32| {
        let extra = (5..5 + count).map(|id| (id, KeyPurpose::Cipher, true));
        let keys: Vec<_> = ONE_OF_EACH.into_iter().chain(extra).collect();
        with_keys(&root, &keys).open(&root).map(|_| ())
    };
    assert_eq!(more(15), Ok(()));
    assert_eq!(more(16), Err(SealError::TooManyCipherKeys(17)));
}

#[test]
fn an_accepted_rollback_lands_above_everything_seen() {
    let root = RootKey::generate(&mut rng());
    let ring = active(&root);
    let raised = ring.raised_above(&root, Revision(40));
    assert_eq!(raised.revision(), Revision(41));
    assert!(raised.open(&root).is_ok());
    let replayed = KeyRing { revision: ring.revision, ..raised };
    assert_eq!(replayed.open(&root).err(), Some(SealError::RingForged));
}

/// A custodian of a set that the store has lost must not find their shard in the next one.
#[test]
fn a_set_of_recovery_shards_that_the_store_has_lost_is_never_made_again() {
    let root = RootKey::generate(&mut rng());
    let first = active(&root).with_next_escrow(&root, quorum(3, 2), Vec::new());
    let lost = first.with_next_escrow(&root, quorum(3, 2), Vec::new());
    let shards = lost.deal_escrow(&root).expect("just made");
    for accepted in [
        first.raised_above(&root, lost.revision),
        first.reissued_above(&root, lost.revision, 7).expect("its own root"),
        active(&root).raised_above(&root, lost.revision),
    ] {
        let accepted = decoded(&accepted);
        assert!(accepted.open(&root).is_ok());
        assert_eq!(accepted.escrow.is_some(), accepted.escrow == first.escrow);
        let next = accepted.with_next_escrow(&root, quorum(3, 2), Vec::new());
        assert!(shards.iter().all(|shard| !next.is_escrow(shard)), "{:?}", next.escrow);
        let after = next.with_next_escrow(&root, quorum(3, 2), Vec::new());
        assert_eq!(next.next_escrow(), after.escrow.map(|escrow| escrow.set));
    }
    let incredible = first.raised_above(&root, Revision(1 << 62));
    assert_eq!(incredible.next_escrow(), Some(2), "or there would be no number left");
}
