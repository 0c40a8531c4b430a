//! What holds of a head whatever is done to it, in any order.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Something that a caller can do.
#[derive(Clone, Debug)]
enum Step {
    Put { max_versions: u32 },
    Delete(Selection),
    Undelete(Selection),
    Destroy(Selection),
}

fn selection() -> impl Strategy<Value = Selection> {
    let numbers = prop::collection::vec(1u64..20, 0..5);
    prop_oneof![
        Just(Selection::Current),
        numbers.prop_map(|n| Selection::Numbers(n.into_iter().filter_map(Version::new).collect())),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u32..7).prop_map(|max_versions| Step::Put { max_versions }),
        2 => selection().prop_map(Step::Delete),
        2 => selection().prop_map(Step::Undelete),
        1 => selection().prop_map(Step::Destroy),
    ]
}

fn take(head: Option<&Head>, step: &Step, at: i64) -> Option<Change> {
    let now = Timestamp::new(at, 5).expect("small");
    let mark = u8::try_from(at % 256).expect("below 256");
    let path: SecretPath = "some/path".parse().expect("valid");
    match (step, head) {
        (Step::Put { max_versions }, _) => {
            let fresh = Incarnation([mark; 16]);
            let new = NewVersion::of(&path, head, fresh, *max_versions, now);
            Some(new.sealed(RecordTag([mark; 16])))
        }
        (_, None) => None,
        (Step::Delete(which), Some(head)) => head.delete(which, now),
        (Step::Undelete(which), Some(head)) => head.undelete(which, now).ok(),
        (Step::Destroy(which), Some(head)) => head.destroy(which, now).ok(),
    }
}

/// Every change that the steps make, in order.
fn changes(steps: &[Step]) -> Vec<Change> {
    let mut made: Vec<Change> = Vec::new();
    for (at, step) in (1..).zip(steps) {
        let change = take(made.last().map(|change| &change.head), step, at);
        made.extend(change);
    }
    made
}

fn numbers(head: &Head) -> BTreeSet<Version> {
    head.versions.iter().map(|entry| entry.number).collect()
}

/// A head that some history leads to.
pub(super) fn any_head() -> impl Strategy<Value = Head> {
    prop::collection::vec(step(), 0..20).prop_map(|mut steps| {
        steps.insert(0, Step::Put { max_versions: 3 });
        changes(&steps).pop().expect("a put changes something").head
    })
}

proptest! {
    #[test]
    fn a_number_is_never_used_twice(steps in prop::collection::vec(step(), 0..40)) {
        let mut used = BTreeSet::new();
        let mut before = BTreeSet::new();
        for Change { head, .. } in changes(&steps) {
            let now = numbers(&head);
            for new in now.difference(&before) {
                prop_assert!(used.insert(*new), "{new} again");
                prop_assert!(*new < head.next);
            }
            before = now;
        }
    }

    #[test]
    fn current_is_the_highest_live_version_and_oldest_the_lowest(
        steps in prop::collection::vec(step(), 0..40),
    ) {
        for Change { head, .. } in changes(&steps) {
            let live: BTreeSet<_> =
                head.versions.iter().filter(|e| e.deleted_at.is_none()).map(|e| e.number).collect();
            prop_assert_eq!(head.current(), live.last().copied());
            prop_assert_eq!(head.oldest(), live.first().copied());
            prop_assert_eq!(head.readable(None).map(|e| e.number), live.last().copied());
        }
    }

    #[test]
    fn every_change_is_the_next_revision_of_what_it_expects(
        steps in prop::collection::vec(step(), 0..40),
    ) {
        let mut before: Option<Head> = None;
        for Change { expect, head, .. } in changes(&steps) {
            prop_assert_eq!(expect, before.as_ref().map(|head| head.revision));
            prop_assert_eq!(head.revision, expect.map_or(Revision::FIRST, Revision::next));
            if let Some(before) = before {
                prop_assert!(head.next >= before.next);
            }
            before = Some(head);
        }
    }

    #[test]
    fn drops_are_exactly_the_versions_that_went(steps in prop::collection::vec(step(), 0..40)) {
        let mut before = BTreeSet::new();
        for Change { head, drops, .. } in changes(&steps) {
            let now = numbers(&head);
            let gone: BTreeSet<_> = before.difference(&now).copied().collect();
            prop_assert_eq!(drops.len(), gone.len(), "no number is dropped twice");
            prop_assert_eq!(drops.into_iter().collect::<BTreeSet<_>>(), gone);
            prop_assert!(head.versions.len() <= head.max_versions as usize);
            before = now;
        }
    }

    #[test]
    fn a_life_ends_only_when_nothing_is_left(steps in prop::collection::vec(step(), 0..40)) {
        let made = changes(&steps);
        for pair in made.windows(2) {
            let [before, after] = pair else { continue };
            let reborn = before.head.incarnation != after.head.incarnation;
            let put = after.head.next > before.head.next;
            prop_assert_eq!(reborn, before.head.is_tombstone() && put);
        }
    }
}
