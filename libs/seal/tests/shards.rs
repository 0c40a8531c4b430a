//! Promise P5: a wrong, stale, foreign or mixed set of shards never becomes a root key.

#![allow(clippy::panic, reason = "a test may")]

mod support;

use proptest::prelude::*;
use spike_core::{ClusterId, Quorum, ShareIndex};
use spike_seal::{
    Claim, KeyRing, Opened, Refused, RingDocument, RootKey, SealError, Shard, Source, WhyRefused,
};
use support::{Cluster, cluster, quorum, rng};

fn index(of: u8) -> ShareIndex {
    ShareIndex::new(of).expect("not 0")
}

fn copy(shard: &Shard) -> Shard {
    Shard::received(shard.index(), shard.expose())
}

fn flipped(shard: &Shard, bit: usize) -> Shard {
    let mut bytes = *shard.expose();
    *bytes.get_mut(bit / 8).expect("within the shard") ^= 1 << (bit % 8);
    Shard::received(shard.index(), &bytes)
}

fn is_ours(opened: &Opened, ours: &Cluster) -> bool {
    opened.keys.audit_key() == ours.keys.audit_key()
}

/// A quorum and an order in which its shards arrive.
fn quorums() -> impl Strategy<Value = (Quorum, Vec<usize>)> {
    (1u64..=9).prop_flat_map(|shares| {
        (1..=shares, Just((0..shares).collect::<Vec<_>>()).prop_shuffle()).prop_map(
            move |(threshold, order)| {
                let order = order.into_iter().map(|at| usize::try_from(at).expect("small"));
                (quorum(threshold, shares), order.collect())
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_threshold_of_shards_opens_the_ring((quorum, order) in quorums(), seed in 1u8..) {
        let ours = cluster(seed, quorum);
        let shards = ours.ring.deal(&ours.root).expect("its own root");
        let threshold = usize::from(quorum.threshold());
        let some: Vec<Shard> = order.iter().take(threshold).map(|&at| copy(&shards[at])).collect();

        let opened = ours.ring.rebuild(&some).expect("a quorum");
        prop_assert!(is_ours(&opened, &ours));
        prop_assert_eq!(opened.source, Source::Current);

        let (_, fewer) = some.split_last().expect("at least one");
        let need = quorum.threshold();
        prop_assert_eq!(
            ours.ring.rebuild(fewer).err(),
            Some(SealError::NotEnoughShards { have: threshold - 1, need })
        );
    }

    #[test]
    fn any_threshold_of_recovery_shards_opens_the_ring((quorum, order) in quorums(), seed in 1u8..) {
        let ours = cluster(seed, support::quorum(2, 3));
        let ring = ours.ring.with_next_escrow(&ours.root, quorum, Vec::new());
        let shards = ring.deal_escrow(&ours.root).expect("just made");
        let threshold = usize::from(quorum.threshold());
        let some: Vec<Shard> = order.iter().take(threshold).map(|&at| copy(&shards[at])).collect();
        let opened = ring.restore(&some).expect("a quorum");
        prop_assert!(is_ours(&opened, &ours));
        prop_assert!(ring.restore(&some[1..]).is_err());
    }
}

#[test]
fn every_bit_of_a_shard_is_missed() {
    let ours = cluster(1, quorum(2, 3));
    let shards = ours.ring.deal(&ours.root).expect("its own root");
    let escrowed = ours.ring.with_next_escrow(&ours.root, quorum(2, 3), Vec::new());
    let recovery = escrowed.deal_escrow(&ours.root).expect("just made");
    for bit in 0..256 {
        let damaged = [flipped(&shards[0], bit), copy(&shards[1])];
        let why = WhyRefused::Digest;
        assert_eq!(ours.ring.refuse(&damaged), [Refused { index: index(1), why }]);
        let have = SealError::NotEnoughShards { have: 1, need: 2 };
        assert_eq!(ours.ring.rebuild(&damaged).err(), Some(have.clone()));

        let damaged = [copy(&recovery[0]), flipped(&recovery[2], bit)];
        assert!(escrowed.is_escrow(&damaged[0]) && !escrowed.is_escrow(&damaged[1]));
        assert_eq!(escrowed.restore(&damaged).err(), Some(have));
    }
}

#[test]
fn a_bad_shard_beside_a_quorum_is_named_and_not_used() {
    let ours = cluster(1, quorum(2, 3));
    let shards = ours.ring.deal(&ours.root).expect("its own root");
    let received = [flipped(&shards[0], 7), copy(&shards[1]), copy(&shards[2])];
    let opened = ours.ring.rebuild(&received).expect("two of three are good");
    assert!(is_ours(&opened, &ours));
    assert_eq!(opened.refused, [Refused { index: index(1), why: WhyRefused::Digest }]);
}

#[test]
fn a_shard_that_comes_twice_counts_once() {
    let ours = cluster(1, quorum(2, 3));
    let shards = ours.ring.deal(&ours.root).expect("its own root");
    let twice = [copy(&shards[0]), copy(&shards[0])];
    assert_eq!(ours.ring.refuse(&twice), [Refused { index: index(1), why: WhyRefused::Duplicate }]);
    assert_eq!(
        ours.ring.rebuild(&twice).err(),
        Some(SealError::NotEnoughShards { have: 1, need: 2 })
    );
}

#[test]
fn a_shard_under_anothers_index_is_refused() {
    let ours = cluster(1, quorum(2, 3));
    let shards = ours.ring.deal(&ours.root).expect("its own root");
    for (of, claimed, why) in [
        (0, 2, WhyRefused::Digest),
        (0, 4, WhyRefused::OutOfRange),
        (2, 255, WhyRefused::OutOfRange),
    ] {
        let misplaced = [Shard::received(index(claimed), shards[of].expose())];
        assert_eq!(ours.ring.refuse(&misplaced), [Refused { index: index(claimed), why }]);
    }
    assert_eq!(ShareIndex::new(0), None, "at 0 the polynomial is the secret");
}

#[test]
fn shards_of_another_cluster_attempt_or_kind_are_refused() {
    let (ours, theirs) = (cluster(1, quorum(2, 3)), cluster(2, quorum(2, 3)));
    let own = ours.ring.deal(&ours.root).expect("its own root");
    let first = Claim::first(ClusterId([1; 16]), None, quorum(2, 3), 1);
    let mut rng = rng(9);
    let again = first.again(quorum(2, 3), 1).activate(&ours.root, &mut rng);
    let escrowed = ours.ring.with_next_escrow(&ours.root, quorum(2, 3), Vec::new());

    for foreign in [
        theirs.ring.deal(&theirs.root).expect("its own root"),
        again.deal(&ours.root).expect("the same root"),
        escrowed.deal_escrow(&ours.root).expect("just made"),
    ] {
        let mixed = [copy(&own[0]), copy(&foreign[1]), copy(&foreign[2])];
        assert_eq!(ours.ring.refuse(&mixed).len(), 2);
        assert_eq!(
            ours.ring.rebuild(&mixed).err(),
            Some(SealError::NotEnoughShards { have: 1, need: 2 })
        );
    }
}

#[test]
fn keepers_shards_are_no_recovery_shards() {
    let ours = cluster(1, quorum(2, 3));
    let escrowed = ours.ring.with_next_escrow(&ours.root, quorum(2, 3), Vec::new());
    let keepers = ours.ring.deal(&ours.root).expect("its own root");
    assert_eq!(
        escrowed.restore(&keepers).err(),
        Some(SealError::NotEnoughShards { have: 0, need: 2 })
    );
    assert_eq!(ours.ring.restore(&keepers).err(), Some(SealError::NoEscrow));
}

#[test]
fn the_next_recovery_set_makes_the_last_one_worthless() {
    let ours = cluster(1, quorum(2, 3));
    let first = ours.ring.with_next_escrow(&ours.root, quorum(2, 3), Vec::new());
    let second = first.with_next_escrow(&ours.root, quorum(2, 3), Vec::new());
    assert_eq!(second.escrow().map(|escrow| escrow.set), Some(2));
    let old = first.deal_escrow(&ours.root).expect("just made");
    assert!(first.restore(&old).is_ok());
    assert!(second.restore(&old).is_err());
    let again: Vec<_> = first.deal_escrow(&ours.root).expect("the same set");
    assert!(old.iter().zip(&again).all(|(a, b)| a.expose() == b.expose()), "not dealt anew");
}

/// A ring that names an attacker's shards: the digests match, the key that comes out doesn't.
#[test]
fn a_ring_whose_digests_were_replaced_gives_the_wrong_root() {
    let (ours, evil) = (cluster(1, quorum(2, 3)), cluster(2, quorum(2, 3)));
    let edit = |ring: &KeyRing| String::from_utf8(document(ring)).expect("JSON");
    let split = ours.ring.current().split(ours.ring.cluster());
    let planted: Vec<Shard> = split.deal(&evil.root);
    let mut text = edit(&ours.ring);
    for (old, new) in ours.ring.current().digests.iter().zip(&planted) {
        let new = split.digest(new.index(), new.expose());
        text = text.replace(&old.to_string(), &new.to_string());
    }
    let forged = decoded(&text);
    assert!(forged.refuse(&planted).is_empty(), "the digests fit");
    let id = ours.ring.current().id;
    assert_eq!(forged.rebuild(&planted).err(), Some(SealError::WrongRoot(id)));

    let own_name = text.replace(&id.to_string(), &split.set_id(&evil.root).to_string());
    assert_eq!(decoded(&own_name).rebuild(&planted).err(), Some(SealError::RingForged));
}

fn document(ring: &KeyRing) -> Vec<u8> {
    RingDocument::Active(Box::new(ring.clone())).encode()
}

fn decoded(text: &str) -> KeyRing {
    match RingDocument::decode(text.as_bytes()) {
        Ok(RingDocument::Active(ring)) => *ring,
        other => unreachable!("an active ring, not {other:?}"),
    }
}

#[test]
fn no_shard_is_dealt_for_a_ring_of_another_root() {
    let (ours, theirs) = (cluster(1, quorum(2, 3)), cluster(2, quorum(2, 3)));
    let id = ours.ring.current().id;
    assert_eq!(ours.ring.deal(&theirs.root).err(), Some(SealError::WrongRoot(id)));
}

#[test]
fn what_holds_a_secret_prints_none() {
    let ours = cluster(1, quorum(2, 3));
    let shards = ours.ring.deal(&ours.root).expect("its own root");
    let opened = ours.ring.rebuild(&shards).expect("all shards");
    let shard = format!("{:?}", shards[0]);
    assert_eq!(shard, "Shard(1, [redacted])");
    assert_eq!(format!("{:?}", ours.root), "RootKey([redacted])");
    assert_eq!(
        format!("{:?}", ours.keys),
        format!("RingKeys({}, [redacted])", ours.keys.cluster())
    );
    let all = format!("{opened:?}");
    for secret in [shards[0].expose(), ours.keys.audit_key().1] {
        assert!(!all.contains(&hex::encode(secret)) && !all.contains(&format!("{secret:?}")));
    }
}

#[test]
fn two_roots_are_never_the_same() {
    let mut rng = rng(1);
    let (one, other) = (RootKey::generate(&mut rng), RootKey::generate(&mut rng));
    let split = Claim::first(ClusterId([1; 16]), None, quorum(2, 3), 1).split();
    assert_ne!(split.set_id(&one), split.set_id(&other));
}

#[test]
fn each_recovery_shard_is_judged_in_its_order() {
    let ours = cluster(1, quorum(2, 3));
    let first = ours.ring.with_next_escrow(&ours.root, quorum(2, 3), Vec::new());
    let old = first.deal_escrow(&ours.root).expect("just made");
    let second = first.with_next_escrow(&ours.root, quorum(2, 3), Vec::new());
    let new = second.deal_escrow(&ours.root).expect("just made");
    let shards = [
        copy(&new[2]),
        copy(&old[0]),
        copy(&new[2]),
        Shard::received(index(4), new[0].expose()),
        copy(&new[0]),
    ];
    let (wrong, twice, outside) =
        (Err(WhyRefused::Digest), Err(WhyRefused::Duplicate), Err(WhyRefused::OutOfRange));
    let verdicts = second.escrow_verdicts(&shards).expect("a set was given out");
    assert_eq!(verdicts, [Ok(()), wrong, twice, outside, Ok(())]);
    assert_eq!(second.restore(&shards).expect("two are good").refused.len(), 3);
    assert_eq!(ours.ring.escrow_verdicts(&shards), None);
}

#[test]
fn a_ring_can_be_made_with_its_first_recovery_shards() {
    let ours = cluster(1, quorum(2, 3));
    let before = ours.ring.revision();
    let names: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    let ring = ours.ring.clone().escrowed(&ours.root, quorum(2, 4), names.clone());
    assert_eq!(ring.revision(), before, "it is not stored yet");
    let ring = decoded(&String::from_utf8(document(&ring)).expect("JSON"));
    let escrow = ring.escrow().expect("just made");
    assert_eq!((escrow.set, &escrow.recipients), (1, &names));
    let shards = ring.deal_escrow(&ours.root).expect("just made");
    assert!(is_ours(&ring.restore(&shards[2..]).expect("two of four"), &ours));
}
