//! Pods: what Kubernetes says of them, and what Nexus says of them.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition};
use spike_core::wire::v2::{
    health::State,
    status::{Keeper, Status},
};

use super::Live;
use crate::{
    hash::Digest,
    names::annotation,
    plan::{KeeperPod, NexusPod},
};

/// How long a pod may be about to go beyond its grace before its node is suspected.
const PATIENCE: Duration = Duration::from_mins(1);

/// Why a container that doesn't run won't soon, by the kubelet's word. Several words may take turns:
/// what is told of them stays the same.
const BROKEN: [(&str, Trouble); 8] = [
    ("CrashLoopBackOff", Trouble::Ends),
    ("RunContainerError", Trouble::Ends),
    ("CreateContainerConfigError", Trouble::Lacks),
    ("CreateContainerError", Trouble::Lacks),
    ("ErrImageNeverPull", Trouble::NoImage),
    ("ErrImagePull", Trouble::NoImage),
    ("ImagePullBackOff", Trouble::NoImage),
    ("InvalidImageName", Trouble::NoImage),
];

/// Why a pod doesn't come up by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Its program keeps ending, or can't be started.
    Ends,
    /// A Secret, `ConfigMap` or volume that it needs isn't there.
    Lacks,
    /// Its node doesn't get the image.
    NoImage,
    /// No node takes it.
    NoNode,
}

/// `patience` is how long one may answer nobody before it counts as empty.
pub(super) fn keepers(live: &Live, patience: Duration, now: Timestamp) -> Vec<KeeperPod> {
    let look = |pod| keeper(live, pod, patience, now);
    live.keepers.iter().filter_map(look).collect()
}

fn keeper(live: &Live, pod: &Pod, patience: Duration, now: Timestamp) -> Option<KeeperPod> {
    let name = pod.metadata.name.clone()?;
    let ordinal = name.rsplit_once('-')?.1.parse().ok()?;
    let running = started_at(pod);
    let terminating = pod.metadata.deletion_timestamp.as_ref().map(|time| time.0);
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    let late = terminating.is_some_and(|due| age(due, now) > PATIENCE);
    let seen = running.and_then(|since| latest(live, ordinal, since));
    let annotations = pod.metadata.annotations.as_ref();
    let template = annotations.and_then(|all| all.get(annotation::TEMPLATE));
    Some(KeeperPod {
        uid: pod.metadata.uid.clone().unwrap_or_default(),
        ordinal,
        template: Digest::read(template.map_or("", String::as_str)),
        running: running.is_some(),
        lost: late && node.as_ref().is_some_and(|node| live.lost_nodes.contains(node)),
        terminating: terminating.is_some(),
        crashed: broken(pod).is_some(),
        empty: match seen.filter(|keeper| keeper.reachable) {
            Some(keeper) => running.is_none() || keeper.holds.is_empty(),
            None => running.is_none() || silent_for(pod, now) >= patience,
        },
        hydrated: is_ready(pod) && terminating.is_none() && seen.is_some_and(|k| k.current),
        age: pod.metadata.creation_timestamp.as_ref().map_or(Duration::ZERO, |t| age(t.0, now)),
        node,
        name,
    })
}

/// How long its own probe has not been answered as it is by who holds a shard.
fn silent_for(pod: &Pod, now: Timestamp) -> Duration {
    let mut unready = conditions(pod).filter(|c| c.type_ == "Ready" && c.status != "True");
    let since = unready.find_map(|condition| condition.last_transition_time.as_ref());
    since.map_or(Duration::ZERO, |since| age(since.0, now))
}

/// What the Nexus that asked last says of a Keeper, if it asked this very container.
fn latest(live: &Live, ordinal: u8, since: Timestamp) -> Option<&Keeper> {
    let said = live.statuses.iter().flat_map(|(_, status): &(String, Status)| &status.keepers);
    said.filter(|keeper| keeper.index.ordinal() == usize::from(ordinal))
        .filter(|keeper| keeper.checked_at.is_some_and(|at| at >= since))
        .max_by_key(|keeper| keeper.checked_at)
}

pub(super) fn nexus(live: &Live) -> Vec<NexusPod> {
    let pods = live.nexus.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    pods.map(|pod| {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let status = live.statuses.iter().find(|(replica, _)| replica == name);
        let keyed = |(_, status): &(String, Status)| {
            status.keys.is_some() && status.status != State::Draining
        };
        NexusPod {
            node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
            unsealed: status.is_some_and(keyed),
            ready: is_ready(pod),
        }
    })
    .collect()
}

fn age(since: Timestamp, now: Timestamp) -> Duration {
    since.duration_until(now).try_into().unwrap_or_default()
}

fn container(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()
}

fn started_at(pod: &Pod) -> Option<Timestamp> {
    let running = container(pod)?.state.as_ref()?.running.as_ref()?;
    Some(running.started_at.as_ref().map_or(Timestamp::MIN, |time| time.0))
}

/// Why it doesn't come up, if it certainly doesn't.
pub(crate) fn trouble(pod: &Pod) -> Option<Trouble> {
    let homeless = conditions(pod).any(|condition| {
        condition.type_ == "PodScheduled" && condition.reason.as_deref() == Some("Unschedulable")
    });
    if homeless { Some(Trouble::NoNode) } else { broken(pod) }
}

/// Why its container doesn't start.
fn broken(pod: &Pod) -> Option<Trouble> {
    let waiting = container(pod)?.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref()?;
    BROKEN.iter().find(|(word, _)| *word == reason).map(|(_, trouble)| *trouble)
}

fn conditions(pod: &Pod) -> impl Iterator<Item = &PodCondition> {
    pod.status.iter().flat_map(|status| status.conditions.iter().flatten())
}

/// The pod's own readiness.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    conditions(pod).any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
