//! What Kubernetes says of pods, and what Nexus says of them.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use spike_core::wire::v2::{
    health::State,
    status::{Keeper, Status},
};

use super::{Live, PodLook, text};
use crate::{
    build::{Kind, Object},
    cluster::Cluster,
    hash::Digest,
    names::{Names, Part},
    plan::{KeeperPod, NexusPod},
};

/// How long a pod may be about to go beyond its grace before its node is suspected.
const PATIENCE: Duration = Duration::from_mins(1);

/// The pods of a part: those of its account, which admission keeps from others. Labels are anybody's who
/// may run a pod.
///
/// A Keeper's place is taken by whatever has its name: a pod of another account is seen there, as one that
/// runs nothing of ours.
pub(crate) fn of_part(pods: &[PodLook], names: &Names, part: Part) -> Vec<PodLook> {
    let (component, account) = (part.to_string(), names.part(part));
    let its = pods.iter().filter(|pod| pod.component == component);
    if part != Part::Keeper {
        return its.filter(|pod| pod.account == account).cloned().collect();
    }
    let has_place = |pod: &&PodLook| ordinal(&account, pod).is_some();
    let placed = its.filter(has_place).cloned().map(|pod| {
        if pod.account == account {
            return pod;
        }
        PodLook { template: Digest::read(""), ready: false, running_since: None, ..pod }
    });
    placed.collect()
}

fn ordinal(set: &str, pod: &PodLook) -> Option<u8> {
    pod.name.strip_prefix(set)?.strip_prefix('-')?.parse().ok()
}

/// `patience` is how long one may answer nobody before it counts as empty.
pub(super) fn keepers(live: &Live, patience: Duration, now: Timestamp) -> Vec<KeeperPod> {
    let look = |pod| keeper(live, pod, patience, now);
    live.keepers.iter().filter_map(look).collect()
}

fn keeper(live: &Live, pod: &PodLook, patience: Duration, now: Timestamp) -> Option<KeeperPod> {
    let ordinal = pod.name.rsplit_once('-')?.1.parse().ok()?;
    let running = pod.running_since.is_some();
    let late = pod.due.is_some_and(|due| age(due, now) > PATIENCE);
    let seen = pod.running_since.and_then(|since| latest(live, ordinal, since));
    Some(KeeperPod {
        name: pod.name.clone(),
        uid: pod.uid.clone(),
        ordinal,
        node: pod.node.clone(),
        template: pod.template.clone(),
        running,
        lost: late && pod.node.as_ref().is_some_and(|node| live.lost_nodes.contains(node)),
        terminating: pod.due.is_some(),
        crashed: pod.is_broken(),
        empty: match seen.filter(|keeper| keeper.reachable) {
            Some(keeper) => !running || keeper.holds.is_empty(),
            None => !running || silent_for(pod, now) >= patience,
        },
        hydrated: pod.ready && pod.due.is_none() && seen.is_some_and(|k| k.current),
        age: pod.created.map_or(Duration::ZERO, |created| age(created, now)),
    })
}

/// The authority's pods that run under an account that somebody deleted since.
pub(super) fn orphans(cluster: &Cluster, live: &Live) -> Vec<(String, String)> {
    let account = cluster.names.part(Part::Authority);
    let of_account =
        |object: &Object| object.kind == Kind::ServiceAccount && object.name == account;
    let account = live.base.iter().find(|(object, _)| of_account(object));
    let Some(made) = account.and_then(|(_, live)| made(live.as_ref()?)) else { return Vec::new() };
    let older = |pod: &&PodLook| pod.due.is_none() && pod.created.is_some_and(|at| at < made);
    let orphans = live.authority.iter().filter(older);
    orphans.map(|pod| (pod.name.clone(), pod.uid.clone())).collect()
}

fn made(object: &Value) -> Option<Timestamp> {
    text(object, &["metadata", "creationTimestamp"])?.parse().ok()
}

/// How long its own probe has not been answered as it is by who holds a shard.
fn silent_for(pod: &PodLook, now: Timestamp) -> Duration {
    pod.unready_since.map_or(Duration::ZERO, |since| age(since, now))
}

/// What the Nexus that asked last says of a Keeper, if it asked this very container.
fn latest(live: &Live, ordinal: u8, since: Timestamp) -> Option<&Keeper> {
    let said = live.statuses.iter().flat_map(|(_, status): &(String, Status)| &status.keepers);
    said.filter(|keeper| keeper.index.ordinal() == usize::from(ordinal))
        .filter(|keeper| keeper.checked_at.is_some_and(|at| at >= since))
        .max_by_key(|keeper| keeper.checked_at)
}

pub(super) fn nexus(live: &Live) -> Vec<NexusPod> {
    let pods = live.nexus.iter().filter(|pod| pod.due.is_none());
    pods.map(|pod| {
        let status = live.statuses.iter().find(|(replica, _)| *replica == pod.name);
        let keyed = |(_, status): &(String, Status)| {
            status.keys.is_some() && status.status != State::Draining
        };
        NexusPod { node: pod.node.clone(), unsealed: status.is_some_and(keyed), ready: pod.ready }
    })
    .collect()
}

fn age(since: Timestamp, now: Timestamp) -> Duration {
    since.duration_until(now).try_into().unwrap_or_default()
}
