//! What is done about a Keeper, by what it says it holds.

use rand::{SeedableRng, rngs::StdRng};
use spike_core::{
    ClusterId, Quorum, SetId, ShardDigest, ShareIndex,
    wire::v2::shard::{HeldSet, PutAs, SetRole, StatusResponse, Witness},
};
use spike_seal::{Claim, KeyRing, RootKey, ShardSet};

use super::super::{
    keepers::IMPOSSIBLE,
    plan::{AHEAD, FOREIGN, Plan, Step, WRONG_DIGEST, advice, any_committed, rehydrate},
    reshare::Wish,
};

const KNOWN: Witness = Witness { ring: 2, policies: 5 };

fn root() -> RootKey {
    RootKey::generate(&mut StdRng::seed_from_u64(1))
}

fn ring() -> KeyRing {
    let mut random = StdRng::seed_from_u64(2);
    let quorum = Quorum::new(3, 2).expect("valid");
    let claim = Claim::first(ClusterId([1; 16]), None, quorum, 1);
    claim.activate(&root(), &mut random)
}

/// With a claim on another split.
fn claimed(shares: u64, threshold: u64) -> KeyRing {
    let Wish { generation, quorum } = wish(2, shares, threshold);
    ring().with_pending(&root(), quorum, generation).expect("claimed")
}

fn wish(generation: u64, shares: u64, threshold: u64) -> Wish {
    Wish { generation, quorum: Quorum::new(shares, threshold).expect("valid") }
}

fn keeper(index: u8, sets: Vec<HeldSet>) -> StatusResponse {
    let index = ShareIndex::new(index).expect("not 0");
    StatusResponse { index, sets, witness: KNOWN, unframed: false }
}

fn held(ring: &KeyRing, index: usize, role: SetRole) -> HeldSet {
    part(ring, ring.current(), index, role)
}

fn part(ring: &KeyRing, set: &ShardSet, index: usize, role: SetRole) -> HeldSet {
    HeldSet {
        role,
        epoch: set.epoch,
        attempt: set.attempt,
        set_id: set.id,
        cluster_id: ring.cluster(),
        digest: set.digests[index - 1],
    }
}

fn another(ring: &KeyRing, role: SetRole, epoch: u32) -> HeldSet {
    let (set_id, digest) = (SetId([9; 16]), ShardDigest([9; 32]));
    HeldSet { epoch, set_id, digest, ..held(ring, 1, role) }
}

fn steps(steps: Vec<Step>) -> Plan {
    Plan { steps, flaw: None }
}

fn flaw(flaw: &'static str) -> Plan {
    Plan { steps: Vec::new(), flaw: Some(flaw) }
}

#[test]
fn what_is_missing_is_put_and_what_is_pending_is_committed() {
    let ring = ring();
    for (sets, expected) in [
        (vec![], vec![Step::Put(PutAs::Current)]),
        (vec![held(&ring, 2, SetRole::Current)], vec![]),
        (vec![held(&ring, 2, SetRole::Pending)], vec![Step::Commit]),
    ] {
        assert_eq!(rehydrate(&ring, &keeper(2, sets), KNOWN), steps(expected));
    }
}

#[test]
fn a_whole_keeper_is_told_what_it_does_not_know_yet() {
    let ring = ring();
    let status = keeper(1, vec![held(&ring, 1, SetRole::Current)]);
    for newer in [Witness { ring: 3, ..KNOWN }, Witness { policies: 6, ..KNOWN }] {
        assert_eq!(rehydrate(&ring, &status, newer), steps(vec![Step::Commit]));
    }
    let older = Witness { ring: 1, policies: 1 };
    assert_eq!(rehydrate(&ring, &status, older), Plan::default());
}

#[test]
fn a_keeper_that_was_lied_to_is_named_and_kept_whole() {
    let ring = ring();
    let witness = Witness { ring: u64::MAX, policies: 0 };
    let lied_to = |sets| StatusResponse { witness, ..keeper(1, sets) };
    let put = Plan { steps: vec![Step::Put(PutAs::Current)], flaw: Some(IMPOSSIBLE) };
    assert_eq!(rehydrate(&ring, &lied_to(vec![]), KNOWN), put);
    let whole = lied_to(vec![held(&ring, 1, SetRole::Current)]);
    assert_eq!(rehydrate(&ring, &whole, KNOWN).flaw, Some(IMPOSSIBLE));
}

#[test]
fn sets_of_the_past_are_dropped_after_the_present_one_is_safe() {
    let ring = ring();
    let abandoned = another(&ring, SetRole::Pending, 1);
    let sets = vec![held(&ring, 1, SetRole::Current), abandoned.clone()];
    let forget = Step::Forget(abandoned.set_id);
    assert_eq!(rehydrate(&ring, &keeper(1, sets), KNOWN), steps(vec![forget.clone()]));
    let alone = keeper(1, vec![abandoned]);
    assert_eq!(rehydrate(&ring, &alone, KNOWN), steps(vec![Step::Put(PutAs::Current), forget]));
}

#[test]
fn the_next_set_is_put_after_all_else_to_keepers_that_stay_and_that_join() {
    let ring = claimed(5, 3);
    let next = ring.reshare_to().expect("pending");
    let (put, put_next) = (Step::Put(PutAs::Current), Step::Put(PutAs::Pending));
    let current = |index| held(&ring, index, SetRole::Current);
    let pending = |index| part(&ring, next, index, SetRole::Pending);
    let withdrawn = another(&ring, SetRole::Pending, 2);
    let forget = Step::Forget(withdrawn.set_id);
    for (index, sets, expected) in [
        (1, vec![], vec![put, put_next.clone()]),
        (1, vec![current(1)], vec![put_next.clone()]),
        (1, vec![current(1), pending(1)], vec![]),
        (1, vec![current(1), withdrawn], vec![forget, put_next.clone()]),
        (5, vec![], vec![put_next]),
        (5, vec![pending(5)], vec![]),
        (6, vec![], vec![]),
    ] {
        let ordinal = u8::try_from(index).expect("small");
        assert_eq!(rehydrate(&ring, &keeper(ordinal, sets), KNOWN), steps(expected), "{index}");
    }
    let swapped = HeldSet { digest: next.digests[1], ..pending(1) };
    let status = keeper(1, vec![current(1), swapped]);
    assert_eq!(rehydrate(&ring, &status, KNOWN), flaw(WRONG_DIGEST));
}

#[test]
fn a_keeper_that_leaves_keeps_the_old_set_until_it_has_settled() {
    let before = claimed(2, 2);
    let committed = before.committed(&root()).expect("committed");
    let settled = committed.settled(&root()).expect("settled");
    let third = keeper(3, vec![held(&before, 3, SetRole::Current)]);
    for ring in [&before, &committed] {
        assert_eq!(rehydrate(ring, &third, KNOWN), Plan::default());
    }
    let forget = Step::Forget(before.current().id);
    assert_eq!(rehydrate(&settled, &third, KNOWN), steps(vec![forget.clone()]));
    let second = keeper(2, vec![held(&before, 2, SetRole::Current)]);
    let expected = steps(vec![Step::Put(PutAs::Current)]);
    assert_eq!(rehydrate(&settled, &second, KNOWN), expected, "it replaces it");
}

#[test]
fn a_keeper_of_another_cluster_is_left_alone() {
    let ring = ring();
    let theirs = HeldSet { cluster_id: ClusterId([2; 16]), ..held(&ring, 1, SetRole::Current) };
    assert_eq!(rehydrate(&ring, &keeper(1, vec![theirs]), KNOWN), flaw(FOREIGN));
}

#[test]
fn a_shard_that_is_not_the_rings_is_reported() {
    let ring = ring();
    let swapped = HeldSet { digest: ring.current().digests[1], ..held(&ring, 1, SetRole::Current) };
    assert_eq!(rehydrate(&ring, &keeper(1, vec![swapped]), KNOWN), flaw(WRONG_DIGEST));
}

#[test]
fn a_keeper_that_is_ahead_of_the_ring_is_never_set_back() {
    let ring = ring();
    for epoch in [1, 2, 9] {
        let status = keeper(1, vec![another(&ring, SetRole::Current, epoch)]);
        assert_eq!(rehydrate(&ring, &status, KNOWN), flaw(AHEAD), "epoch {epoch}");
    }
    let sets = vec![another(&ring, SetRole::Current, 2), held(&ring, 1, SetRole::Previous)];
    assert_eq!(rehydrate(&ring, &keeper(1, sets), KNOWN), flaw(AHEAD));
}

#[test]
fn a_keeper_beyond_the_shares_gets_none() {
    let ring = ring();
    assert_eq!(rehydrate(&ring, &keeper(4, vec![]), KNOWN), Plan::default());
}

#[test]
fn only_committed_sets_prove_that_there_was_a_root() {
    let ring = ring();
    let with = |role| [keeper(1, vec![]), keeper(2, vec![held(&ring, 2, role)])];
    assert!(any_committed(&with(SetRole::Current)) && any_committed(&with(SetRole::Previous)));
    assert!(!any_committed(&with(SetRole::Pending)));
}

#[test]
fn a_quorum_that_is_not_the_wanted_one_is_pointed_out() {
    let ring = ring();
    let codes = |shares, threshold, keepers| -> Vec<_> {
        advice(&ring, wish(1, shares, threshold), keepers, 2)
            .iter()
            .map(|reason| reason.code)
            .collect()
    };
    assert_eq!(codes(3, 2, 3), [""; 0]);
    assert_eq!(codes(5, 3, 5), ["reshare_needed"]);
    assert_eq!(codes(3, 2, 2), ["keepers_missing"]);
    let generation = advice(&ring, wish(2, 3, 2), 3, 2);
    assert_eq!(generation.iter().map(|reason| reason.code).collect::<Vec<_>>(), ["reshare_needed"]);
    assert_eq!(advice(&claimed(5, 3), wish(2, 5, 3), 5, 2), [], "it is under way");
}

#[test]
fn fewer_shards_in_memory_than_a_start_needs_are_pointed_out() {
    let ring = ring();
    let said = |holding| advice(&ring, wish(1, 3, 2), 3, holding);
    assert_eq!((said(3), said(2)), (vec![], vec![]));
    let [reason] = &said(1)[..] else { panic!("one of two is at risk") };
    assert_eq!(reason.code, "quorum_at_risk");
    assert!(reason.message.contains("only 1 of 2"), "{}", reason.message);
}
