//! Question 4: what pods need before they are made.

use super::{IdentityLook, Observed, Step, Wait, Wish};

pub(super) fn wiring(_: &Wish, seen: &Observed) -> Option<Step> {
    (!seen.base.differs.is_empty()).then_some(Step::ApplyBase)
}

pub(super) fn identity(_: &Wish, seen: &Observed) -> Option<Step> {
    match &seen.identity {
        IdentityLook::Ready => None,
        IdentityLook::Waits(why) => Some(Step::Wait(Wait::Identity(why.clone()))),
    }
}
