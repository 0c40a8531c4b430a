//! What a re-share does to a Keeper: one that stays, one that joins, one that leaves.

use super::*;

/// Nothing but these, in the order of a status.
fn holds_only(slots: &Slots, expected: &[(SetRole, Set)]) {
    let expected: Vec<_> = expected.iter().map(|(role, set)| (*role, set.id())).collect();
    assert_eq!(slots.held(), expected);
}

fn gives(slots: &Slots, set: Set) -> bool {
    slots.get(&set.get(), Nexus).is_ok()
}

#[test]
fn a_keeper_that_stays_gives_the_old_shard_until_it_is_dropped_and_the_new_one_from_the_put_on() {
    let (old, new) = (set(1, 1), set(2, 1));
    let mut slots = holding(old);
    assert!(gives(&slots, old) && !gives(&slots, new));
    slots.give(new, PutAs::Pending, Nexus).expect("put");
    assert!(gives(&slots, old) && gives(&slots, new));
    slots.settle(new, Nexus).expect("committed");
    assert!(gives(&slots, old) && gives(&slots, new));
    slots.lose(old).expect("dropped");
    assert!(!gives(&slots, old) && gives(&slots, new));
}

#[test]
fn a_keeper_that_joins_starts_with_a_later_epoch() {
    let new = set(2, 1);
    let mut slots = empty();
    slots.give(new, PutAs::Pending, Nexus).expect("put");
    assert_eq!(slots.epoch(), None, "not ready yet");
    slots.settle(new, Nexus).expect("committed");
    assert_eq!(slots.epoch(), Some(2));
    holds_only(&slots, &[(SetRole::Current, new)]);
}

#[test]
fn a_keeper_that_lost_its_memory_after_the_commit_is_filled_at_once() {
    let (new, stale) = (set(2, 1), set(1, 1));
    let mut slots = empty();
    slots.give(new, PutAs::Current, Nexus).expect("put");
    slots.settle(new, Nexus).expect("a commit that comes late changes nothing");
    assert_eq!(slots.give(stale, PutAs::Current, Nexus), Err(Refusal::StaleEpoch));
    holds_only(&slots, &[(SetRole::Current, new)]);
}

#[test]
fn a_target_that_was_withdrawn_makes_room_for_the_next_once_it_is_dropped() {
    let (old, withdrawn) = (set(1, 1), set(2, 2));
    let next = Set { bytes: 9, ..set(2, 1) };
    let mut slots = holding(old);
    slots.give(withdrawn, PutAs::Pending, Nexus).expect("put");
    assert_eq!(slots.give(next, PutAs::Pending, Nexus), Err(Refusal::LowerAttempt));
    slots.lose(withdrawn).expect("dropped");
    slots.give(next, PutAs::Pending, Nexus).expect("put");
    holds_only(&slots, &[(SetRole::Current, old), (SetRole::Pending, next)]);
}

#[test]
fn a_target_that_is_replaced_gives_way_without_being_dropped() {
    let mut slots = holding(set(1, 1));
    slots.give(set(2, 1), PutAs::Pending, Nexus).expect("put");
    slots.give(set(2, 2), PutAs::Pending, Nexus).expect("a later attempt");
    assert_eq!(slots.settle(set(2, 1), Nexus), Err(Refusal::NoSuchSet));
    slots.settle(set(2, 2), Nexus).expect("committed");
}

fn beyond(epoch: u32, shares: u8) -> DropRequest {
    DropRequest { in_force: Some(InForce { epoch, shares }), ..set(2, 1).forget() }
}

#[test]
fn a_keeper_that_leaves_forgets_even_its_current_set() {
    let mut slots = holding(set(2, 1));
    let plan = slots.forget(&beyond(3, OWN - 1), Nexus).expect("it has no part in epoch 3");
    slots.apply(plan);
    holds_only(&slots, &[]);
    let again = slots.forget(&beyond(3, OWN - 1), Nexus).expect("forgotten already");
    slots.apply(again);
    slots.give(set(4, 1), PutAs::Pending, Nexus).expect("it may join again");
}

#[test]
fn a_keeper_with_a_part_in_what_is_in_force_forgets_nothing() {
    let slots = holding(set(2, 1));
    for (epoch, shares) in [(3, OWN), (3, OWN + 1), (2, OWN - 1), (1, OWN - 1)] {
        let refused = slots.forget(&beyond(epoch, shares), Nexus).map(drop);
        assert_eq!(refused, Err(Refusal::CurrentSet), "epoch {epoch}, {shares} shares");
    }
    let bootstrap = slots.forget(&beyond(3, OWN - 1), Bootstrap).map(drop);
    assert_eq!(bootstrap, Err(Refusal::OnlyNexus));
}
