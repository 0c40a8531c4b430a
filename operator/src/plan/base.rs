//! Question 4: what pods need before they are made.

use super::{IdentityLook, Observed, Step, Wait, Wish};

pub(super) fn wiring(_: &Wish, seen: &Observed) -> Option<Step> {
    (!seen.base.differs.is_empty()).then_some(Step::ApplyBase)
}

/// The token of a pod whose account was made anew is good for nothing, and the kubelet keeps it for most
/// of an hour: an authority that can ask Kubernetes for nothing proves nobody's identity.
pub(super) fn orphans(_: &Wish, seen: &Observed) -> Option<Step> {
    let (pod, uid) = seen.base.orphans.first()?.clone();
    Some(Step::ReplaceAuthority { pod, uid })
}

pub(super) fn identity(_: &Wish, seen: &Observed) -> Option<Step> {
    match &seen.identity {
        IdentityLook::Ready => None,
        IdentityLook::Waits(why) => Some(Step::Wait(Wait::Identity(why.clone()))),
    }
}
