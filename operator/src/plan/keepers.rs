//! Questions 5, 6 and 11: that there are Keepers, and that what is disrupted heals first.

use super::{
    Hold, KeeperPod, Keepers, Nexus, Observed, RingLook, Step, Wait, Wish, rollout::evict,
};

/// The `StatefulSet` has as many replicas as anybody may need, and is ours in every field.
///
/// Its template is changed here only while no key can be lost by it; else the rollout does.
pub(super) fn stateful_set(wish: &Wish, seen: &Observed) -> Option<Step> {
    if !wish.has_keepers() {
        return None;
    }
    let needed = seen.keepers_needed(wish.shares);
    let Some(present) = &seen.keepers else {
        return Some(Step::ApplyKeepers { replicas: needed, template: Hold::Wished });
    };
    let replicas = if may_shrink(seen, needed) { needed } else { needed.max(present.replicas) };
    let sealed = matches!(seen.ring, RingLook::Sealed { .. }) && seen.nobody_has_the_key();
    let renew = (seen.is_unkeyed() || sealed) && !present.refuses(&wish.keeper_template);
    let template = if renew { Hold::Wished } else { Hold::Present };
    let fits = present.template == wish.keeper_template || !renew;
    let right = present.replicas == replicas && !present.drifted && fits;
    (!right).then_some(Step::ApplyKeepers { replicas, template })
}

/// A Keeper goes only when no ring and no Nexus knows it any more.
///
/// Somebody who raised the number by hand is put right as soon as that is certain.
fn may_shrink(seen: &Observed, needed: u8) -> bool {
    match &seen.ring {
        RingLook::Open(ring) => {
            let knows_it = |nexus: &Nexus| nexus.peers > needed || nexus.rolling;
            ring.is_settled() && !seen.nexus.as_ref().is_some_and(knows_it)
        }
        RingLook::Absent => seen.is_unkeyed(),
        RingLook::Unknown(_) | RingLook::Foreign | RingLook::Sealed { .. } => false,
    }
}

/// A pod that should have gone, on a node that isn't there to say so.
pub(super) fn lost(_: &Wish, seen: &Observed) -> Option<Step> {
    let pod = seen.keeper_pods.iter().find(|pod| pod.lost)?;
    Some(Step::ForgetKeeper { pod: pod.name.clone(), uid: pod.uid.clone() })
}

/// A Keeper that isn't what it should be in time, and holds nothing that could be lost, is mended. One
/// that can't start isn't waited for once nobody asks for its template any more.
///
/// One beyond the ring need only run, and be of the set's template, unless that one is given up untried: a
/// re-share may be waiting for it.
pub(super) fn overdue(wish: &Wish, seen: &Observed) -> Option<Step> {
    let (ring, set) = (seen.open()?, seen.keepers.as_ref()?);
    let hollow = |pod: &&KeeperPod| {
        let stale = pod.template != set.template;
        let untried = set.good.as_ref() != Some(&set.template);
        let unwanted = stale || (untried && set.template != wish.keeper_template);
        let idle = if pod.ordinal < ring.shares { !pod.hydrated } else { !pod.running || unwanted };
        let late = pod.age >= seen.hydration_timeout || (pod.crashed && unwanted);
        idle && late && pod.may_be_replaced()
    };
    let pod = seen.keeper_pods.iter().filter(|_| wish.evicts).find(hollow)?;
    mend(wish, pod, set)
}

/// A Keeper of the ring that doesn't hold the current set is the disruption in flight (I3).
pub(super) fn disruption(_: &Wish, seen: &Observed) -> Option<Step> {
    let ring = seen.open().filter(|_| seen.keepers.is_some())?;
    let missing = (0..ring.shares).filter(|n| !seen.keeper(*n).is_some_and(|pod| pod.hydrated));
    let name = |n| seen.keeper(n).map_or_else(|| format!("Keeper {}", n + 1), |p| p.name.clone());
    let keepers: Vec<_> = missing.map(name).collect();
    (!keepers.is_empty()).then_some(Step::Wait(Wait::Hydration { keepers }))
}

/// A pod that isn't hydrated in time is made anew from another template: the set's if that is another
/// one, else the last with which all was well, else the one that is wished.
fn mend(wish: &Wish, pod: &KeeperPod, set: &Keepers) -> Option<Step> {
    if pod.template != set.template {
        return Some(evict(pod));
    }
    if set.good.as_ref().is_some_and(|good| *good != set.template) {
        return Some(Step::RollBackKeepers);
    }
    let untried = wish.keeper_template != set.template && !set.refuses(&wish.keeper_template);
    untried.then_some(Step::ApplyKeepers { replicas: set.replicas, template: Hold::Wished })
}
