//! Whose Keepers are being replaced: at most one cluster's at a time, so that a bad version is seen in
//! one of them and not in all.

use std::sync::{Mutex, PoisonError};

use crate::{
    names::Names,
    plan::{Hold, Step, Wait},
};

/// Whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<Option<Names>>);

impl Turns {
    /// Takes the turn for a cluster whose Keepers are to be replaced; false if it is another's.
    ///
    /// It is taken before a step is decided: of two that ask at once one gets it.
    pub(crate) fn take(&self, names: &Names) -> bool {
        let mut turn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turn.get_or_insert_with(|| names.clone()) == names
    }

    /// Keeps the turn if a step is of a replacement under way, and lets it go otherwise: who waits for a
    /// store, or for people, holds up nobody.
    pub(crate) fn after(&self, names: &Names, step: &Step) {
        if !replaces(step) {
            self.release(names);
        }
    }

    /// It needs no turn any more.
    pub(crate) fn release(&self, names: &Names) {
        let mut turn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turn.as_ref() == Some(names) {
            *turn = None;
        }
    }
}

fn replaces(step: &Step) -> bool {
    matches!(
        step,
        Step::ApplyKeepers { template: Hold::Wished, .. }
            | Step::EvictKeeper { .. }
            | Step::ForgetKeeper { .. }
            | Step::RollBackKeepers
            | Step::Wait(Wait::Hydration { .. })
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(cluster: &str) -> Names {
        Names { namespace: "team".to_owned(), cluster: cluster.to_owned() }
    }

    fn evict() -> Step {
        Step::EvictKeeper { pod: "a-0".to_owned(), uid: "u".to_owned() }
    }

    #[test]
    fn of_two_clusters_one_replaces_keepers_until_it_is_done() {
        let (turns, a, b) = (Turns::default(), names("a"), names("b"));
        assert!(turns.take(&a) && !turns.take(&b), "both asked before either did anything");
        turns.after(&a, &evict());
        turns.after(&b, &Step::Wait(Wait::Turn));
        assert!(!turns.take(&b), "the other's wait doesn't end the turn");
        let keepers = vec!["a-0".to_owned()];
        turns.after(&a, &Step::Wait(Wait::Hydration { keepers }));
        assert!(!turns.take(&b), "its Keeper isn't back yet");
        turns.after(&a, &Step::RecordGood);
        assert!(turns.take(&b) && !turns.take(&a));
    }

    #[test]
    fn a_cluster_that_waits_for_its_store_or_for_people_holds_up_nobody() {
        for step in
            [Step::Paused, Step::Idle, Step::Wait(Wait::Store), Step::Wait(Wait::Redundancy)]
        {
            let turns = Turns::default();
            assert!(turns.take(&names("a")));
            turns.after(&names("a"), &step);
            assert!(turns.take(&names("b")), "{step:?}");
        }
    }
}
