//! Questions 14 and 15: what is left when all is as it should be.

use super::{EscrowLook, JobLook, Observed, Stall, Step, StoreWork, Wait, Wish};

/// What only earlier versions need is removed from the store when none of them runs any more: every
/// Nexus that there is says its version, and every Keeper is of the wished template.
pub(super) fn contraction(wish: &Wish, seen: &Observed) -> Option<Step> {
    if wish.store != (StoreWork::Jobs { migrate: true }) || !is_everywhere(wish, seen) {
        return None;
    }
    match seen.contraction {
        JobLook::None => Some(Step::Contract),
        JobLook::Running => Some(Step::Wait(Wait::Contraction)),
        JobLook::Failed { .. } => Some(Step::Stall(Stall::ContractionFailed)),
        JobLook::Done => None,
    }
}

fn is_everywhere(wish: &Wish, seen: &Observed) -> bool {
    let (Some(nexus), Some(keepers)) = (&seen.nexus, &seen.keepers) else { return false };
    seen.open().is_some()
        && seen.one_version
        && !nexus.rolling
        && nexus.template == wish.nexus_template
        && keepers.template == wish.keeper_template
        && seen.keeper_pods.iter().all(|pod| pod.template == wish.keeper_template)
}

/// Custodians find their ciphertexts without anybody's doing.
pub(super) fn escrow(_: &Wish, seen: &Observed) -> Option<Step> {
    (seen.escrow == EscrowLook::Missing).then_some(Step::Escrow)
}
