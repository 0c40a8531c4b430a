//! What may and may not happen to a Keeper's slots.

mod interleavings;
mod reshare;

use spike_core::{
    ShardDigest,
    wire::{SecretBytes, v2::shard::InForce},
};

use super::*;

/// A set of a cluster: one polynomial, of which this Keeper has the shard `bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) cluster: u8,
    pub(super) epoch: u32,
    pub(super) attempt: u32,
    /// Tells sets of the same epoch and attempt apart.
    pub(super) bytes: u8,
}

pub(super) const OWN: u8 = 2;

pub(super) const fn set(epoch: u32, attempt: u32) -> Set {
    Set { cluster: 1, epoch, attempt, bytes: 7 }
}

pub(super) fn index(index: u8) -> ShareIndex {
    ShareIndex::new(index).expect("not zero")
}

impl Set {
    pub(super) fn cluster_id(self) -> ClusterId {
        ClusterId([self.cluster; 16])
    }

    pub(super) fn id(self) -> SetId {
        let mut id = [self.cluster; 16];
        id[0] = u8::try_from(self.epoch).expect("small");
        id[1] = u8::try_from(self.attempt).expect("small");
        id[2] = self.bytes;
        SetId(id)
    }

    pub(super) fn put(self, put_as: PutAs) -> PutRequest {
        let quorum = Quorum::new(3, 2).expect("valid");
        let (cluster, epoch, attempt) = (self.cluster_id(), self.epoch, self.attempt);
        let shard = [self.bytes; 32];
        let digest = Split { cluster, epoch, attempt, quorum }.digest(index(OWN), &shard);
        let frame = Frame {
            instance: None,
            cluster_id: cluster,
            set_id: self.id(),
            epoch,
            attempt,
            shares: 3,
            threshold: 2,
            index: index(OWN),
            digest,
        };
        let witness = Witness::default();
        PutRequest { frame, shard: SecretBytes::from(shard.to_vec()), put_as, witness }
    }

    pub(super) fn commit(self) -> CommitRequest {
        CommitRequest {
            cluster_id: self.cluster_id(),
            set_id: self.id(),
            epoch: self.epoch,
            attempt: self.attempt,
            witness: Witness::default(),
        }
    }

    pub(super) fn get(self) -> GetRequest {
        GetRequest { cluster_id: self.cluster_id(), set_id: self.id(), witness: None }
    }

    fn forget(self) -> DropRequest {
        DropRequest { cluster_id: self.cluster_id(), set_id: self.id(), in_force: None }
    }
}

pub(super) fn empty() -> Slots {
    Slots::new(index(OWN), None)
}

/// A Keeper with a committed set.
fn holding(current: Set) -> Slots {
    let mut slots = empty();
    slots.give(current, PutAs::Current, Sender::Nexus).expect("an empty Keeper takes it");
    slots
}

impl Slots {
    fn give(&mut self, set: Set, put_as: PutAs, sender: Sender) -> Result<(), Refusal> {
        let plan = self.put(&set.put(put_as), sender)?;
        self.apply(plan);
        Ok(())
    }

    fn settle(&mut self, set: Set, sender: Sender) -> Result<(), Refusal> {
        let plan = self.commit(&set.commit(), sender)?;
        self.apply(plan);
        Ok(())
    }

    fn lose(&mut self, set: Set) -> Result<(), Refusal> {
        let plan = self.forget(&set.forget(), Sender::Nexus)?;
        self.apply(plan);
        Ok(())
    }

    fn held(&self) -> Vec<(SetRole, SetId)> {
        self.status().sets.iter().map(|held| (held.role, held.set_id)).collect()
    }
}

use Sender::{Bootstrap, Nexus};

#[test]
fn bootstrap_puts_and_commits_the_first_set_and_replays_change_nothing() {
    let mut slots = empty();
    let first = set(1, 1);
    for _ in 0..2 {
        slots.give(first, PutAs::Pending, Bootstrap).expect("put");
        assert_eq!(slots.held(), [(SetRole::Pending, first.id())]);
        assert_eq!(slots.epoch(), None, "not committed");
    }
    for _ in 0..2 {
        slots.settle(first, Bootstrap).expect("committed");
        slots.give(first, PutAs::Pending, Bootstrap).expect("put again");
        assert_eq!(slots.held(), [(SetRole::Current, first.id())]);
        assert_eq!(slots.epoch(), Some(1));
    }
}

#[test]
fn bootstrap_cannot_replace_a_committed_set() {
    let mut slots = holding(set(1, 1));
    let before = slots.status();
    for attack in [set(1, 2), set(2, 1), Set { bytes: 9, ..set(1, 2) }] {
        for put_as in [PutAs::Pending, PutAs::Current] {
            assert_eq!(slots.give(attack, put_as, Bootstrap), Err(Refusal::NotBootstraps));
        }
    }
    // Nor commit what a Nexus prepared.
    slots.give(set(2, 1), PutAs::Pending, Nexus).expect("put");
    assert_eq!(slots.settle(set(2, 1), Bootstrap), Err(Refusal::NotBootstraps));
    slots.lose(set(2, 1)).expect("dropped");
    assert_eq!(slots.status(), before);
}

#[test]
fn bootstrap_puts_no_current_set_no_later_epoch_and_gets_no_shard() {
    let mut slots = empty();
    assert_eq!(slots.give(set(1, 1), PutAs::Current, Bootstrap), Err(Refusal::NotBootstraps));
    assert_eq!(slots.give(set(2, 1), PutAs::Pending, Bootstrap), Err(Refusal::NotBootstraps));
    slots.give(set(2, 1), PutAs::Pending, Nexus).expect("put");
    assert_eq!(slots.settle(set(2, 1), Bootstrap), Err(Refusal::NotBootstraps));
    assert_eq!(slots.get(&set(2, 1).get(), Bootstrap).map(drop), Err(Refusal::OnlyNexus));
    assert_eq!(slots.unframed(Bootstrap).map(drop), Err(Refusal::OnlyNexus));
    let forget = slots.forget(&set(2, 1).forget(), Bootstrap);
    assert_eq!(forget.map(drop), Err(Refusal::OnlyNexus));
}

#[test]
fn a_shard_that_is_not_what_its_frame_says_is_refused() {
    let slots = empty();
    let refused = |change: &dyn Fn(&mut PutRequest)| {
        let mut request = set(1, 1).put(PutAs::Pending);
        change(&mut request);
        slots.put(&request, Nexus).map(drop).expect_err("refused")
    };
    assert_eq!(refused(&|r| r.shard = vec![7; 31].into()), Refusal::BadShard);
    assert_eq!(refused(&|r| r.shard = vec![7; 33].into()), Refusal::BadShard);
    assert_eq!(refused(&|r| r.shard = vec![8; 32].into()), Refusal::Digest);
    assert_eq!(refused(&|r| r.frame.digest = ShardDigest([0; 32])), Refusal::Digest);
    assert_eq!(refused(&|r| r.frame.cluster_id = ClusterId([9; 16])), Refusal::Digest);
    assert_eq!(refused(&|r| r.frame.epoch = 3), Refusal::Digest);
    assert_eq!(refused(&|r| r.frame.shares = 4), Refusal::Digest);
    assert_eq!(refused(&|r| r.frame.epoch = 0), Refusal::BadFrame);
    assert_eq!(refused(&|r| r.frame.attempt = 0), Refusal::BadFrame);
    assert_eq!(refused(&|r| r.frame.threshold = 4), Refusal::BadFrame);
    assert_eq!(refused(&|r| r.frame.threshold = 0), Refusal::BadFrame);
    assert_eq!(refused(&|r| (r.frame.shares, r.frame.threshold) = (1, 1)), Refusal::BadFrame);
    let wrong = Refusal::WrongIndex { own: index(OWN), asked: index(3) };
    assert_eq!(refused(&|r| r.frame.index = index(3)), wrong);
    let instance: Instance = "team/a".parse().expect("valid");
    assert_eq!(refused(&|r| r.frame.instance = Some(instance.clone())), Refusal::OtherInstance);
    // And the other way round: a Keeper of an instance takes nothing without one.
    let ours = Slots::new(index(OWN), Some(instance));
    let plan = ours.put(&set(1, 1).put(PutAs::Pending), Nexus);
    assert_eq!(plan.map(drop), Err(Refusal::OtherInstance));
}

#[test]
fn other_bytes_for_a_held_set_are_refused_in_every_slot() {
    let mut slots = holding(set(1, 1));
    slots.give(set(2, 1), PutAs::Current, Nexus).expect("put");
    slots.give(set(3, 1), PutAs::Pending, Nexus).expect("put");
    for held in [set(1, 1), set(2, 1), set(3, 1)] {
        let mut forged = Set { bytes: 9, ..held }.put(PutAs::Pending);
        forged.frame.set_id = held.id();
        assert_eq!(slots.put(&forged, Nexus).map(drop), Err(Refusal::OtherBytes), "{held:?}");
        // The same bytes under another attempt are another frame.
        let mut moved = Set { attempt: held.attempt + 1, ..held }.put(PutAs::Current);
        moved.frame.set_id = held.id();
        assert_eq!(slots.put(&moved, Nexus).map(drop), Err(Refusal::OtherBytes), "{held:?}");
    }
}

#[test]
fn another_cluster_is_refused_once_any_set_is_held() {
    let foreign = |epoch| Set { cluster: 9, ..set(epoch, 1) };
    let mut pending = empty();
    pending.give(set(1, 1), PutAs::Pending, Bootstrap).expect("put");
    for mut slots in [pending, holding(set(1, 1))] {
        for put_as in [PutAs::Pending, PutAs::Current] {
            assert_eq!(slots.give(foreign(5), put_as, Nexus), Err(Refusal::OtherCluster));
        }
        assert_eq!(slots.settle(foreign(1), Nexus), Err(Refusal::OtherCluster));
        assert_eq!(slots.get(&foreign(1).get(), Nexus).map(drop), Err(Refusal::OtherCluster));
        slots.lose(foreign(1)).expect("it isn't held: nothing to do");
    }
}

#[test]
fn nothing_at_or_below_the_committed_epoch_is_taken_or_committed() {
    let mut slots = holding(set(2, 1));
    for stale in [set(1, 1), set(1, 9), set(2, 2), Set { bytes: 9, ..set(2, 1) }] {
        for put_as in [PutAs::Pending, PutAs::Current] {
            assert_eq!(slots.give(stale, put_as, Nexus), Err(Refusal::StaleEpoch), "{stale:?}");
        }
    }
    slots.give(set(3, 1), PutAs::Current, Nexus).expect("put");
    assert_eq!(slots.settle(set(2, 1), Nexus), Err(Refusal::StaleEpoch), "it is the previous one");
    assert_eq!(slots.give(set(2, 1), PutAs::Current, Nexus), Err(Refusal::StaleEpoch));
}

#[test]
fn a_pending_set_gives_way_to_a_later_one_only() {
    let mut slots = empty();
    slots.give(set(1, 2), PutAs::Pending, Bootstrap).expect("put");
    let twin = Set { bytes: 9, ..set(1, 2) };
    for lower in [set(1, 1), twin] {
        assert_eq!(slots.give(lower, PutAs::Pending, Bootstrap), Err(Refusal::LowerAttempt));
    }
    slots.give(set(1, 3), PutAs::Pending, Bootstrap).expect("a later attempt");
    slots.give(set(2, 1), PutAs::Pending, Nexus).expect("a later epoch");
    assert_eq!(slots.give(set(1, 4), PutAs::Pending, Bootstrap), Err(Refusal::LowerAttempt));
    assert_eq!(slots.held(), [(SetRole::Pending, set(2, 1).id())]);
}

#[test]
fn a_commit_needs_exactly_the_pending_set() {
    let mut slots = empty();
    assert_eq!(slots.settle(set(1, 1), Nexus), Err(Refusal::NoSuchSet));
    slots.give(set(1, 1), PutAs::Pending, Bootstrap).expect("put");
    assert_eq!(slots.settle(set(1, 2), Nexus), Err(Refusal::NoSuchSet));
    for (epoch, attempt) in [(2, 1), (1, 2)] {
        let wrong = CommitRequest { epoch, attempt, ..set(1, 1).commit() };
        assert_eq!(slots.commit(&wrong, Nexus).map(drop), Err(Refusal::OtherFrame));
    }
    assert_eq!(slots.held(), [(SetRole::Pending, set(1, 1).id())]);
}

#[test]
fn a_commit_makes_current_previous_and_settling_drops_it() {
    let mut slots = holding(set(1, 1));
    slots.give(set(2, 1), PutAs::Pending, Nexus).expect("put");
    slots.settle(set(2, 1), Nexus).expect("committed");
    let both = [(SetRole::Current, set(2, 1).id()), (SetRole::Previous, set(1, 1).id())];
    assert_eq!(slots.held(), both);
    slots.settle(set(2, 1), Nexus).expect("a replay");
    assert_eq!(slots.held(), both, "the replay didn't push the previous set out");
    slots.lose(set(1, 1)).expect("dropped");
    slots.lose(set(1, 1)).expect("dropped already");
    assert_eq!(slots.held(), [(SetRole::Current, set(2, 1).id())]);
}

#[test]
fn a_current_set_fills_an_older_slot_whatever_is_pending() {
    let mut slots = holding(set(1, 1));
    slots.give(set(2, 1), PutAs::Pending, Nexus).expect("put");
    slots.give(set(3, 1), PutAs::Current, Nexus).expect("put");
    // The pending set can't be committed any more: it is gone.
    let held = [(SetRole::Current, set(3, 1).id()), (SetRole::Previous, set(1, 1).id())];
    assert_eq!(slots.held(), held);

    slots.give(set(5, 1), PutAs::Pending, Nexus).expect("put");
    slots.give(set(4, 1), PutAs::Current, Nexus).expect("put");
    assert_eq!(slots.held().last(), Some(&(SetRole::Pending, set(5, 1).id())), "a later one stays");
    slots.give(set(5, 1), PutAs::Current, Nexus).expect("put");
    let held = [(SetRole::Current, set(5, 1).id()), (SetRole::Previous, set(4, 1).id())];
    assert_eq!(slots.held(), held, "a set is in one slot only");
}

#[test]
fn the_current_set_cannot_be_dropped() {
    let mut slots = holding(set(1, 1));
    assert_eq!(slots.lose(set(1, 1)), Err(Refusal::CurrentSet));
    slots.give(set(2, 1), PutAs::Pending, Nexus).expect("put");
    slots.lose(set(2, 1)).expect("a pending one can");
    assert_eq!(slots.held(), [(SetRole::Current, set(1, 1).id())]);
}

#[test]
fn a_shard_is_given_by_the_name_of_its_set() {
    let mut slots = holding(Set { bytes: 1, ..set(1, 1) });
    slots.give(Set { bytes: 2, ..set(2, 1) }, PutAs::Current, Nexus).expect("put");
    slots.give(Set { bytes: 3, ..set(3, 1) }, PutAs::Pending, Nexus).expect("put");
    for held in [1, 2, 3].map(|n| Set { bytes: n, ..set(n.into(), 1) }) {
        let (found, _) = slots.get(&held.get(), Nexus).expect("held");
        assert_eq!(found.frame(), &held.put(PutAs::Pending).frame);
        assert_eq!(found.shard().expose(), &[held.bytes; 32]);
    }
    assert_eq!(slots.get(&set(4, 1).get(), Nexus).map(drop), Err(Refusal::NoSuchSet));
}

#[test]
fn only_a_nexus_witnesses_and_the_witness_only_rises() {
    let mut slots = empty();
    let mut tell = |request: PutRequest, sender| {
        let plan = slots.put(&request, sender).expect("taken");
        slots.apply(plan);
        slots.status().witness
    };
    let told = |ring, policies| {
        let witness = Witness { ring, policies };
        PutRequest { witness, ..set(1, 1).put(PutAs::Pending) }
    };
    assert_eq!(tell(told(9, 9), Bootstrap), Witness::default(), "bootstrap is not believed");
    assert_eq!(tell(told(5, 2), Nexus), Witness { ring: 5, policies: 2 });
    assert_eq!(tell(told(3, 7), Nexus), Witness { ring: 5, policies: 7 }, "each by itself");
    assert_eq!(tell(told(0, 0), Nexus), Witness { ring: 5, policies: 7 });

    let witness = Witness { ring: 6, policies: 0 };
    let plan = slots.commit(&CommitRequest { witness, ..set(1, 1).commit() }, Nexus);
    slots.apply(plan.expect("committed"));
    let witness = Some(Witness { ring: 0, policies: 8 });
    let (_, plan) = slots.get(&GetRequest { witness, ..set(1, 1).get() }, Nexus).expect("held");
    slots.apply(plan);
    assert_eq!(slots.status().witness, Witness { ring: 6, policies: 8 });
}

#[test]
fn counters_that_no_store_can_have_are_refused_and_leave_no_trace() {
    let mut slots = empty();
    let plan = slots.put(&set(1, 1).put(PutAs::Pending), Nexus).expect("taken");
    slots.apply(plan);
    let (top, over) = (Witness::HIGHEST, Witness::HIGHEST + 1);
    for (ring, policies) in [(over, 0), (0, over), (u64::MAX, u64::MAX)] {
        let witness = Witness { ring, policies };
        let again = PutRequest { witness, ..set(1, 1).put(PutAs::Pending) };
        let refused = [
            slots.put(&again, Nexus).map(drop),
            slots.commit(&CommitRequest { witness, ..set(1, 1).commit() }, Nexus).map(drop),
            slots.get(&GetRequest { witness: Some(witness), ..set(1, 1).get() }, Nexus).map(drop),
        ];
        assert_eq!(refused, [Err(Refusal::BadWitness); 3], "{witness:?}");
    }
    assert_eq!(slots.status().sets.len(), 1);
    assert_eq!(slots.status().witness, Witness::default());
    let witness = Witness { ring: top, policies: top };
    let plan = slots.commit(&CommitRequest { witness, ..set(1, 1).commit() }, Nexus);
    slots.apply(plan.expect("the highest there is"));
    assert_eq!(slots.status().witness, witness);
}

#[test]
fn spikes_own_shard_is_taken_and_given_only_while_no_set_is_held() {
    let mut slots = empty();
    assert_eq!(slots.unframed(Nexus).map(drop), Err(Refusal::NoSuchSet));
    for bytes in [[1; 32], [2; 32]] {
        let plan = slots.contribute(&bytes).expect("taken");
        slots.apply(plan);
        assert_eq!(slots.unframed(Nexus).map(|shard| *shard.expose()), Ok(bytes));
    }
    assert!(slots.status().unframed);
    slots.give(set(1, 1), PutAs::Pending, Bootstrap).expect("put");
    assert_eq!(slots.contribute(&[3; 32]).map(drop), Err(Refusal::Framed));
    assert_eq!(slots.unframed(Nexus).map(drop), Err(Refusal::Framed));
    slots.settle(set(1, 1), Bootstrap).expect("committed");
    assert!(!slots.status().unframed, "wiped");
}

#[test]
fn strangers_have_no_role_here() {
    let roles = Roles::default();
    let sender = |path| {
        let id = format!("spiffe://spike.ist{path}").parse().expect("valid");
        Sender::of(&roles, &id)
    };
    assert_eq!(sender("/spike/nexus"), Some(Nexus));
    assert_eq!(sender("/spike/bootstrap"), Some(Bootstrap));
    for path in [
        "/spike/keeper",
        "/spike/operator",
        "/spike/pilot/role/superuser",
        "/spike/pilot/role/recover",
        "/spike/pilot/role/restore",
        "/spike/workload/role/lite",
        "/workload/other",
    ] {
        assert_eq!(sender(path), None, "{path}");
    }
}

#[test]
fn nothing_printed_holds_a_shard() {
    let mut slots = holding(Set { bytes: 0xAB, ..set(1, 1) });
    slots.give(Set { bytes: 0xAB, ..set(2, 1) }, PutAs::Pending, Nexus).expect("put");
    let text = format!("{slots:?}");
    assert!(text.contains("[redacted]") && !text.contains("171, 171"), "{text}");
}
