//! Questions 9, 10 and 12: that there is a root key, that somebody has it, how it is shared.

use super::{
    JobLook, KeeperPod, Observed, RingLook, Stall, Step, StoreWork, Wait, Wish, rollout::evict,
};
use crate::cluster::BootstrapMode;

/// How often bootstrap is tried before someone must look.
const TRIES: u32 = 5;

/// A ring that can be read, or that may be made.
pub(super) fn ring(wish: &Wish, seen: &Observed) -> Option<Step> {
    match &seen.ring {
        RingLook::Unknown(why) => Some(Step::Wait(Wait::Nexus(why.clone()))),
        RingLook::Foreign => Some(Step::Stall(Stall::ForeignStore)),
        RingLook::Absent => Some(bootstrap(wish, seen)),
        RingLook::Sealed { .. } | RingLook::Open(_) => None,
    }
}

/// Where a ring was ever seen no root key is made again (I4).
fn bootstrap(wish: &Wish, seen: &Observed) -> Step {
    if wish.store == StoreWork::Nothing {
        return Step::Wait(Wait::Unseal);
    }
    if seen.ring_was_seen {
        return Step::Stall(Stall::KeyRingMissing);
    }
    if wish.bootstrap == BootstrapMode::Never {
        return Step::Wait(Wait::Bootstrapper);
    }
    // Nobody has a shard yet: a pod of an older template can be replaced at once.
    if let Some(stale) = first_stale(seen) {
        return evict(stale);
    }
    if !seen.all_run(wish.shares) {
        return Step::Wait(Wait::Keepers);
    }
    if wish.store == StoreWork::Nexus {
        return Step::Wait(Wait::Bootstrap);
    }
    match seen.bootstrap {
        JobLook::None => Step::Bootstrap { attempt: 1 },
        JobLook::Failed { tries, .. } if tries >= TRIES => {
            Step::Stall(Stall::BootstrapFailed(tries))
        }
        JobLook::Failed { last, .. } => Step::Bootstrap { attempt: last.saturating_add(1) },
        JobLook::Running | JobLook::Done => Step::Wait(Wait::Bootstrap),
    }
}

fn first_stale(seen: &Observed) -> Option<&KeeperPod> {
    let template = &seen.keepers.as_ref()?.template;
    seen.keeper_pods.iter().find(|pod| pod.template != *template && pod.may_be_replaced())
}

/// A ring, and no Nexus that has its key.
///
/// Empty Keepers that can't work are replaced at once. If all run and too few have a shard, only
/// people with recovery shards can help, and that is said.
pub(super) fn sealed(wish: &Wish, seen: &Observed) -> Option<Step> {
    if !seen.nobody_has_the_key() || !wish.has_keepers() {
        return None;
    }
    // What the spec asks for by now is no ring's: nobody could share the key anew meanwhile. How many
    // shards are enough for one that was never seen open, only Nexus can say.
    let known = seen.open().map(|ring| (ring.shares, ring.threshold)).or(seen.last_quorum);
    let enough = known.is_none_or(|(_, threshold)| seen.hydrated() >= usize::from(threshold));
    let short = seen.ring == RingLook::Sealed { short: true };
    if enough && !short {
        return Some(Step::Wait(Wait::Unseal));
    }
    let useless = |pod: &&KeeperPod| {
        let stale = seen.keepers.as_ref().is_some_and(|set| set.template != pod.template);
        let broken = pod.crashed && pod.age >= seen.hydration_timeout;
        pod.may_be_replaced() && (stale || broken)
    };
    if let Some(pod) = seen.keeper_pods.iter().find(useless) {
        return Some(evict(pod));
    }
    Some(if seen.all_run(known.map_or(wish.shares, |(shares, _)| shares)) {
        Step::Stall(Stall::RecoveryRequired)
    } else {
        Step::Wait(Wait::Keepers)
    })
}

/// Another generation is another split of the same root key.
///
/// To grow: Keepers, then Nexus's list of them, then the shards; to shrink: the other way around.
pub(super) fn reshare(wish: &Wish, seen: &Observed) -> Option<Step> {
    if !wish.has_keepers() {
        return None;
    }
    let ring = seen.open()?;
    let same = ring.shares == wish.shares && ring.threshold == wish.threshold;
    if ring.generation == wish.generation && same {
        // What was committed is settled by Nexus itself.
        return (!ring.is_settled()).then_some(Step::Wait(Wait::Reshare));
    }
    if ring.previous.is_some() {
        return Some(Step::Wait(Wait::Reshare));
    }
    if seen.nexus.as_ref().is_none_or(|nexus| nexus.rolling) {
        return Some(Step::Wait(Wait::Rollout));
    }
    if !seen.all_run(wish.shares.max(ring.shares)) {
        return Some(Step::Wait(Wait::Keepers));
    }
    Some(Step::Reshare)
}
