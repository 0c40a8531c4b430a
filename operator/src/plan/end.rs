//! Questions 1 to 3: the end, a pause, and what forbids to go on.

use super::{End, Observed, Stage, Step, Wait, Wish};

pub(super) fn deleting(_: &Wish, seen: &Observed) -> Option<Step> {
    Some(match seen.end.as_ref()? {
        // Nothing in it is left to protect; what lies outside would stay for ever.
        End::Namespace { outside: true } => Step::Delete(Stage::ClusterScoped),
        End::Namespace { outside: false } | End::Retain { marked: true } => Step::Release,
        End::Retain { marked: false } => Step::Retain,
        End::Delete { confirmed: false, .. } => Step::Wait(Wait::Confirmation),
        End::Delete { remaining, .. } => {
            remaining.first().map_or(Step::Release, |stage| Step::Delete(*stage))
        }
    })
}

pub(super) fn paused(wish: &Wish, _: &Observed) -> Option<Step> {
    wish.paused.then_some(Step::Paused)
}

pub(super) fn obstacle(_: &Wish, seen: &Observed) -> Option<Step> {
    seen.obstacle.clone().map(Step::Stall)
}
