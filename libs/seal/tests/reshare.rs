//! Promise P5 while the split changes: at every step the old or the new shards open the ring, and
//! nothing else does.

#![allow(clippy::indexing_slicing, clippy::panic, reason = "a test may")]

mod support;

use proptest::prelude::*;
use spike_core::{Quorum, ShareIndex};
use spike_seal::{KeyRing, RingDocument, RootKey, SealError, Shard, ShardSet, Source};
use support::{Cluster, cluster, quorum};

fn reshared() -> (Cluster, KeyRing) {
    let before = cluster(1, quorum(2, 3));
    let claimed = before.ring.with_pending(&before.root, quorum(3, 5), 2).expect("claimed");
    let committed = claimed.committed(&before.root).expect("committed");
    (before, committed)
}

fn stored(ring: &KeyRing) -> KeyRing {
    match RingDocument::decode(&RingDocument::Active(Box::new(ring.clone())).encode()) {
        Ok(RingDocument::Active(ring)) => *ring,
        other => panic!("an active ring, not {other:?}"),
    }
}

fn shards(ring: &KeyRing, set: &ShardSet, root: &RootKey) -> Vec<Shard> {
    set.deal(ring.cluster(), root).expect("its own root")
}

#[test]
fn a_claim_leaves_the_old_shards_in_force() {
    let Cluster { root, ring, .. } = cluster(1, quorum(2, 3));
    let claimed = stored(&ring.with_pending(&root, quorum(3, 5), 2).expect("claimed"));
    let pending = claimed.reshare_to().expect("pending");
    assert_eq!((pending.epoch, pending.attempt, pending.generation), (2, 1, 2));
    assert_eq!(claimed.current(), ring.current());
    assert_eq!(claimed.revision(), ring.revision().next());
    claimed.open(&root).expect("signed");

    let new = shards(&claimed, pending, &root);
    let old = shards(&claimed, claimed.current(), &root);
    assert_eq!(claimed.refuse(&new).len(), 5, "not in force yet");
    assert!(!claimed.suffice(&new) && claimed.suffice(&old[1..]) && !claimed.suffice(&old[2..]));
    assert_eq!(claimed.rebuild(&old).expect("a quorum").source, Source::Current);
}

#[test]
fn after_the_commit_either_quorum_opens_the_ring_and_after_settling_only_the_new_one() {
    let (Cluster { root, ring: before, .. }, committed) = reshared();
    let ring = stored(&committed);
    ring.open(&root).expect("signed");
    assert!(ring.reshare_to().is_none());
    assert_eq!(ring.reshare_from(), Some(before.current()));
    let (old, new) = (shards(&ring, before.current(), &root), shards(&ring, ring.current(), &root));
    assert_eq!(ring.rebuild(&new[2..]).expect("three").source, Source::Current);
    assert_eq!(ring.rebuild(&old[..2]).expect("two").source, Source::Previous);
    assert!(ring.suffice(&old[..2]) && ring.suffice(&new[..3]));
    assert!(!ring.suffice(&new[..2]) && !ring.suffice(&old[..1]));

    let settled = stored(&ring.settled(&root).expect("settled"));
    assert_eq!(settled.revision().0, before.revision().0 + 3);
    assert_eq!(settled.rebuild(&new).expect("a quorum").source, Source::Current);
    assert_eq!(
        settled.rebuild(&old).err(),
        Some(SealError::NotEnoughShards { have: 0, need: 3 }),
        "the ring doesn't name them any more"
    );
}

#[test]
fn a_claim_that_is_not_committed_gives_way_to_the_next_one_or_to_none() {
    let Cluster { root, ring, .. } = cluster(1, quorum(2, 3));
    let first = ring.with_pending(&root, quorum(3, 5), 2).expect("claimed");
    let second = first.with_pending(&root, quorum(3, 4), 3).expect("claimed anew");
    let pending = second.reshare_to().expect("pending");
    assert_eq!((pending.epoch, pending.attempt, pending.quorum), (2, 2, quorum(3, 4)));
    assert_ne!(Some(pending.id), first.reshare_to().map(|set| set.id));

    let withdrawn = second.without_pending(&root, 4).expect("withdrawn");
    withdrawn.open(&root).expect("signed");
    assert_eq!((withdrawn.reshare_to(), withdrawn.current().generation), (None, 4));
    let same = ShardSet { generation: 1, ..withdrawn.current().clone() };
    assert_eq!(&same, ring.current(), "no shard has moved");
}

#[test]
fn the_generation_alone_moves_no_shard() {
    let Cluster { root, ring, .. } = cluster(1, quorum(2, 3));
    assert_eq!(ring.without_pending(&root, 1).err(), Some(SealError::NothingPending));
    let noted = ring.without_pending(&root, 7).expect("noted");
    assert_eq!((noted.current().id, noted.current().generation), (ring.current().id, 7));
    noted.open(&root).expect("signed");
}

#[test]
fn steps_out_of_order_are_refused() {
    let (Cluster { root, ring, .. }, committed) = reshared();
    assert_eq!(ring.committed(&root).err(), Some(SealError::NothingPending));
    assert_eq!(ring.settled(&root).err(), Some(SealError::NothingPrevious));
    let another = committed.with_pending(&root, quorum(2, 3), 3);
    assert_eq!(another.err(), Some(SealError::Unsettled));
    assert_eq!(committed.committed(&root).err(), Some(SealError::Unsettled));
    let settled = committed.settled(&root).expect("settled");
    assert_eq!(settled.settled(&root).err(), Some(SealError::NothingPrevious));
    settled.with_pending(&root, quorum(2, 3), 3).expect("now it may");
}

#[test]
fn a_strangers_root_changes_nothing() {
    let (Cluster { ring, .. }, committed) = reshared();
    let stranger = cluster(2, quorum(2, 3)).root;
    let wrong = Some(SealError::WrongRoot(ring.current().id));
    assert_eq!(ring.with_pending(&stranger, quorum(3, 5), 2).err(), wrong);
    assert_eq!(ring.without_pending(&stranger, 2).err(), wrong);
    assert_eq!(ring.committed(&stranger).err(), wrong);
    let wrong = Some(SealError::WrongRoot(committed.current().id));
    assert_eq!(committed.settled(&stranger).err(), wrong);
}

#[test]
fn recovery_shards_outlive_a_re_share() {
    let Cluster { root, ring, .. } = cluster(1, quorum(2, 3));
    let ring = ring.with_next_escrow(&root, quorum(2, 3), Vec::new());
    let taken = ring.deal_escrow(&root).expect("taken");
    let claimed = ring.with_pending(&root, quorum(3, 5), 2).expect("claimed");
    let committed = claimed.committed(&root).expect("committed");
    let settled = committed.settled(&root).expect("settled");
    for ring in [claimed, committed, settled] {
        assert_eq!(ring.restore(&taken[1..]).expect("any two").source, Source::Escrow);
    }
}

/// One step, allowed or not.
#[derive(Clone, Copy, Debug)]
enum Step {
    Claim(Quorum, u64),
    Withdraw(u64),
    Commit,
    Settle,
}

fn a_step() -> impl Strategy<Value = Step> {
    // With a threshold of 1 every shard of every split is the root itself.
    let claim = (2u64..7, 2u64..7, 0u64..5).prop_map(|(shares, threshold, generation)| {
        Step::Claim(quorum(threshold.min(shares), shares), generation)
    });
    prop_oneof![
        2 => claim,
        1 => (0u64..5).prop_map(Step::Withdraw),
        2 => Just(Step::Commit),
        2 => Just(Step::Settle),
    ]
}

impl Step {
    fn take(self, ring: &KeyRing, root: &RootKey) -> Result<KeyRing, SealError> {
        match self {
            Self::Claim(quorum, generation) => ring.with_pending(root, quorum, generation),
            Self::Withdraw(generation) => ring.without_pending(root, generation),
            Self::Commit => ring.committed(root),
            Self::Settle => ring.settled(root),
        }
    }
}

/// Every threshold of a set opens the ring, and one less doesn't.
fn opens(ring: &KeyRing, set: &ShardSet, root: &RootKey, source: Source) {
    let threshold = usize::from(set.quorum.threshold());
    let mut all = shards(ring, set, root);
    for _ in 0..all.len() {
        all.rotate_left(1);
        assert_eq!(ring.rebuild(&all[..threshold]).expect("a quorum").source, source);
        assert!(!ring.suffice(&all[..threshold - 1]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn after_any_steps_the_old_or_the_new_shards_open_the_ring(
        steps in prop::collection::vec(a_step(), 1..16),
    ) {
        let Cluster { root, mut ring, .. } = cluster(1, quorum(2, 3));
        for step in steps {
            let before = ring.clone();
            let Ok(next) = step.take(&before, &root) else { continue };
            ring = stored(&next);
            prop_assert_eq!(ring.revision(), before.revision().next());
            ring.open(&root).expect("signed");
            opens(&ring, ring.current(), &root, Source::Current);
            if let Some(former) = ring.reshare_from() {
                opens(&ring, former, &root, Source::Previous);
            }
            let kept = [Some(ring.current()), ring.reshare_from()];
            let kept = kept.into_iter().flatten().any(|set| set.id == before.current().id);
            prop_assert!(kept, "what was in force is still named");
            if let Some(pending) = ring.reshare_to() {
                prop_assert_eq!(pending.epoch, ring.current().epoch + 1);
                let early = shards(&ring, pending, &root);
                prop_assert!(!ring.suffice(&early), "in force before its commit");
            }
            prop_assert!(ring.pending().is_none() || ring.previous().is_none());
        }
    }
}

#[test]
fn a_shard_of_the_next_split_never_stands_in_for_one_of_this() {
    let (Cluster { root, ring: before, .. }, ring) = reshared();
    let mut mixed = shards(&ring, ring.current(), &root);
    mixed.truncate(2);
    mixed.extend(shards(&ring, before.current(), &root).into_iter().skip(2));
    assert_eq!(mixed[2].index(), ShareIndex::new(3).expect("not zero"));
    assert!(!ring.suffice(&mixed), "two of the new, one of the old");
}
