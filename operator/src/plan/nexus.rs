//! Questions 7 and 8: that the store is ready for Nexus, and that Nexus is as it should be.

use super::{JobLook, Observed, Reach, RingLook, Stall, Step, StoreWork, Wait, Wish};

/// A minor isn't skipped: replicas of both versions work side by side for a while, and each understands
/// only its neighbours. Where nobody ever had a key there is nothing to understand.
pub(super) fn version(wish: &Wish, seen: &Observed) -> Option<Step> {
    let present = seen.nexus.as_ref().filter(|_| seen.ring_was_seen)?;
    if present.template == wish.nexus_template {
        return None;
    }
    let (running, wanted) = (seen.version?, wish.version?);
    (!wanted.is_next_to(running)).then_some(Step::Stall(Stall::VersionSkipped { running, wanted }))
}

/// The schema is expanded before a new version runs.
pub(super) fn migration(wish: &Wish, seen: &Observed) -> Option<Step> {
    if wish.store != (StoreWork::Jobs { migrate: true }) {
        return None;
    }
    match seen.migration {
        JobLook::None => Some(Step::Migrate),
        JobLook::Running => Some(Step::Wait(Wait::Migration)),
        JobLook::Failed { .. } => Some(Step::Stall(Stall::MigrationFailed)),
        JobLook::Done => None,
    }
}

/// The Deployment's template, peers and replicas.
///
/// A template is changed only if its pods will find the key: enough Keepers hold it, the store
/// answers, and no other change is under way. If nobody has the key, nothing can be lost.
pub(super) fn deployment(wish: &Wish, seen: &Observed) -> Option<Step> {
    let peers = if wish.has_keepers() { seen.keepers_needed(wish.shares) } else { 0 };
    let apply = Some(Step::ApplyNexus { peers });
    let Some(present) = &seen.nexus else { return apply };
    let same = present.template == wish.nexus_template && present.peers == peers;
    let count = match wish.replicas {
        Some(replicas) => replicas == present.replicas,
        // The autoscaler's to decide, as soon as we let go of it.
        None => !present.counts,
    };
    if same {
        return if count && !present.drifted { None } else { apply };
    }
    if seen.nobody_has_the_key() {
        return apply;
    }
    if present.rolling && !present.stuck {
        return Some(Step::Wait(Wait::Rollout));
    }
    match (seen.store, &seen.ring) {
        (Reach::Reachable, RingLook::Open(ring)) if wish.has_keepers() => {
            if seen.hydrated() >= usize::from(ring.threshold) {
                apply
            } else {
                Some(Step::Wait(Wait::Keepers))
            }
        }
        (Reach::Reachable, _) => apply,
        (Reach::Unknown | Reach::Unreachable, _) => Some(Step::Wait(Wait::Store)),
    }
}

/// The last question: nothing is left but a Nexus rollout that Kubernetes does.
pub(super) fn settled(_: &Wish, seen: &Observed) -> Option<Step> {
    let rolling = seen.nexus.as_ref().is_some_and(|nexus| nexus.rolling);
    rolling.then_some(Step::Wait(Wait::Rollout))
}
