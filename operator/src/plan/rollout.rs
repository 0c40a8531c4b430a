//! Question 13: Keepers of a new template, one at a time and never at the cost of the quorum.

use std::collections::BTreeSet;

use super::{Hold, KeeperPod, Keepers, Observed, Ring, Step, Wait, Wish};

/// The template changes when every Nexus is as it should be.
pub(super) fn template(wish: &Wish, seen: &Observed) -> Option<Step> {
    let (ring, set) = (seen.open()?, seen.keepers.as_ref()?);
    if set.template == wish.keeper_template || set.refuses(&wish.keeper_template) {
        return None;
    }
    if !seen.turn {
        return Some(Step::Wait(Wait::Turn));
    }
    if seen.nexus.as_ref().is_none_or(|nexus| nexus.rolling) {
        return Some(Step::Wait(Wait::Rollout));
    }
    let replicas = set.replicas.max(ring.shares);
    Some(Step::ApplyKeepers { replicas, template: Hold::Wished })
}

/// Pods of another template go one at a time: empty ones first, then the highest place.
pub(super) fn stale_pods(wish: &Wish, seen: &Observed) -> Option<Step> {
    let (ring, set) = (seen.open()?, seen.keepers.as_ref()?);
    if !wish.evicts {
        return None;
    }
    let next = next_stale(seen, set)?;
    if next.terminating {
        return Some(Step::Wait(Wait::Hydration { keepers: vec![next.name.clone()] }));
    }
    if !seen.turn {
        return Some(Step::Wait(Wait::Turn));
    }
    if seen.nexus.as_ref().is_none_or(|nexus| nexus.rolling) {
        return Some(Step::Wait(Wait::Rollout));
    }
    let harmless = next.ordinal >= ring.shares;
    if harmless || may_disrupt(seen, ring, next) {
        Some(evict(next))
    } else {
        Some(Step::Wait(Wait::Redundancy))
    }
}

fn next_stale<'a>(seen: &'a Observed, set: &Keepers) -> Option<&'a KeeperPod> {
    let stale = seen.keeper_pods.iter().filter(|pod| pod.template != set.template);
    stale.max_by_key(|pod| (pod.empty, pod.ordinal))
}

/// I1: the threshold of others holds the set, and a Nexus has the key. Where every shard is needed,
/// two Nexus on different nodes have it: what the Keeper loses they put back.
fn may_disrupt(seen: &Observed, ring: &Ring, pod: &KeeperPod) -> bool {
    let other = |o: &&KeeperPod| {
        o.hydrated && !o.terminating && o.uid != pod.uid && o.ordinal < ring.shares
    };
    let others = seen.keeper_pods.iter().filter(other).count();
    let unsealed = seen.nexus_pods.iter().filter(|nexus| nexus.unsealed);
    if ring.shares > ring.threshold {
        return others >= usize::from(ring.threshold) && unsealed.count() >= 1;
    }
    let nodes: BTreeSet<_> = unsealed.filter_map(|nexus| nexus.node.as_deref()).collect();
    others + 1 >= usize::from(ring.threshold) && nodes.len() >= 2
}

/// A template with which every Keeper is hydrated is one to go back to.
pub(super) fn good(wish: &Wish, seen: &Observed) -> Option<Step> {
    let (ring, set) = (seen.open()?, seen.keepers.as_ref()?);
    let all = (0..ring.shares)
        .all(|n| seen.keeper(n).is_some_and(|pod| pod.hydrated && pod.template == set.template));
    // A template that was refused is forgotten as soon as another one is asked for.
    let absolved = set.bad.as_ref().is_some_and(|bad| *bad != wish.keeper_template);
    (all && (set.good.as_ref() != Some(&set.template) || absolved)).then_some(Step::RecordGood)
}

/// Evicts this very pod.
pub(super) fn evict(pod: &KeeperPod) -> Step {
    Step::EvictKeeper { pod: pod.name.clone(), uid: pod.uid.clone() }
}
