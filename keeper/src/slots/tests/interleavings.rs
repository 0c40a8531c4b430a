//! Any order of any requests, honest and hostile: what must hold after each of them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Request {
    Put(Set, PutAs, Sender, Witness),
    /// A put whose frame names the set of another put.
    Forge(Set, Set, PutAs, Sender),
    Commit(Set, Sender, Witness),
    Drop(Set, Option<InForce>, Sender),
    Get(Set, Sender, Witness),
    Contribute(u8),
}

fn a_set() -> impl Strategy<Value = Set> {
    // Few values, so that requests meet; mostly one cluster, so that not all are refused.
    let cluster = prop_oneof![9 => Just(1u8), 1 => Just(2u8)];
    (cluster, 1..=4u32, 1..=3u32, 0..=1u8).prop_map(|(cluster, epoch, attempt, bytes)| Set {
        cluster,
        epoch,
        attempt,
        bytes,
    })
}

fn a_witness() -> impl Strategy<Value = Witness> {
    (0..5u64, 0..5u64).prop_map(|(ring, policies)| Witness { ring, policies })
}

fn a_sender() -> impl Strategy<Value = Sender> {
    prop_oneof![Just(Nexus), Just(Bootstrap)]
}

fn a_place() -> impl Strategy<Value = PutAs> {
    prop_oneof![Just(PutAs::Pending), Just(PutAs::Current)]
}

/// With a shard for this Keeper, and without.
fn in_force() -> impl Strategy<Value = InForce> {
    (1..=5u32, 1..=3u8).prop_map(|(epoch, shares)| InForce { epoch, shares })
}

fn a_request() -> impl Strategy<Value = Request> {
    prop_oneof![
        4 => (a_set(), a_place(), a_sender(), a_witness())
            .prop_map(|(set, place, sender, seen)| Request::Put(set, place, sender, seen)),
        1 => (a_set(), a_set(), a_place(), a_sender())
            .prop_map(|(set, named, place, sender)| Request::Forge(set, named, place, sender)),
        4 => (a_set(), a_sender(), a_witness())
            .prop_map(|(set, sender, seen)| Request::Commit(set, sender, seen)),
        1 => (a_set(), prop::option::of(in_force()), a_sender())
            .prop_map(|(set, in_force, sender)| Request::Drop(set, in_force, sender)),
        1 => (a_set(), a_sender(), a_witness())
            .prop_map(|(set, sender, seen)| Request::Get(set, sender, seen)),
        1 => any::<u8>().prop_map(Request::Contribute),
    ]
}

impl Request {
    fn decide(self, slots: &Slots) -> Result<Plan, Refusal> {
        match self {
            Self::Put(set, place, sender, witness) => {
                slots.put(&PutRequest { witness, ..set.put(place) }, sender)
            }
            Self::Forge(set, named, place, sender) => {
                let mut request = set.put(place);
                request.frame.set_id = named.id();
                slots.put(&request, sender)
            }
            Self::Commit(set, sender, witness) => {
                slots.commit(&CommitRequest { witness, ..set.commit() }, sender)
            }
            Self::Drop(set, in_force, sender) => {
                slots.forget(&DropRequest { in_force, ..set.forget() }, sender)
            }
            Self::Get(set, sender, witness) => {
                let request = GetRequest { witness: Some(witness), ..set.get() };
                slots.get(&request, sender).map(|(_, plan)| plan)
            }
            Self::Contribute(byte) => slots.contribute(&[byte; 32]),
        }
    }

    fn sender(self) -> Sender {
        match self {
            Self::Put(_, _, sender, _)
            | Self::Forge(_, _, _, sender)
            | Self::Commit(_, sender, _)
            | Self::Drop(_, _, sender)
            | Self::Get(_, sender, _) => sender,
            Self::Contribute(_) => Bootstrap,
        }
    }

    /// It names something in force that is later than `held` and has no shard for this Keeper.
    fn supersedes(self, held: &HeldSet) -> bool {
        matches!(self, Self::Drop(_, Some(InForce { epoch, shares }), Nexus)
            if epoch > held.epoch && shares < OWN)
    }
}

fn current(status: &StatusResponse) -> Option<HeldSet> {
    status.sets.iter().find(|held| held.role == SetRole::Current).cloned()
}

/// What must hold of any Keeper at any time.
fn is_sound(slots: &Slots) -> Result<(), TestCaseError> {
    let status = slots.status();
    let epoch = |role| status.sets.iter().find(|held| held.role == role).map(|held| held.epoch);
    let mut ids = BTreeSet::new();
    for (_, held) in slots.sets() {
        let frame = held.frame();
        prop_assert_eq!(frame.index, index(OWN));
        prop_assert_eq!(frame.cluster_id, status.sets[0].cluster_id, "one cluster");
        prop_assert!(ids.insert(frame.set_id), "a set is in one slot");
        let quorum = Quorum::new(frame.shares.into(), frame.threshold.into()).expect("checked");
        let (cluster, epoch, attempt) = (frame.cluster_id, frame.epoch, frame.attempt);
        let split = Split { cluster, epoch, attempt, quorum };
        prop_assert_eq!(split.digest(frame.index, held.shard().expose()), frame.digest);
    }
    if let (Some(current), Some(pending)) = (epoch(SetRole::Current), epoch(SetRole::Pending)) {
        prop_assert!(pending > current, "a pending set can be committed");
    }
    if let Some(previous) = epoch(SetRole::Previous) {
        prop_assert!(Some(previous) < epoch(SetRole::Current));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_order_of_requests_breaks_a_keeper(requests in prop::collection::vec(a_request(), 1..40)) {
        let mut slots = empty();
        for request in requests {
            let before = slots.status();
            let Ok(plan) = request.decide(&slots) else {
                // Deciding took `&self`; a refusal leaves everything as it was.
                prop_assert_eq!(slots.status(), before);
                continue;
            };
            slots.apply(plan);
            is_sound(&slots)?;
            let after = slots.status();

            let (old, new) = (current(&before), current(&after));
            if let (Some(old), Some(new)) = (&old, &new) {
                prop_assert!(new == old || new.epoch > old.epoch, "current only moves on");
            }
            let beyond = old.as_ref().is_some_and(|old| request.supersedes(old));
            prop_assert!(old.is_none() || new.is_some() || beyond, "current is never lost");
            if request.sender() == Bootstrap {
                prop_assert!(old.is_none() || old == new, "bootstrap replaced a committed set");
                prop_assert!(new.as_ref().is_none_or(|set| old.is_some() || set.epoch == 1));
                prop_assert_eq!(after.witness, before.witness, "bootstrap is no witness");
            }
            prop_assert_eq!(after.witness.max(before.witness), after.witness, "it only rises");
            if old != new && !beyond && let Some(old) = old {
                let kept = after.sets.iter().any(|held| held.set_id == old.set_id);
                prop_assert!(kept, "the set before is kept until it is dropped");
            }

            // Sent again, because its answer was lost, it is accepted and changes nothing.
            let again = request.decide(&slots);
            prop_assert!(again.is_ok(), "{:?} is refused when repeated: {:?}", request, again.err());
            slots.apply(again.expect("just checked"));
            prop_assert_eq!(slots.status(), after);
        }
    }
}
