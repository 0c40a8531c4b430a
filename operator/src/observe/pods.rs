//! Pods: what Kubernetes says of them, and what Nexus says of them.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
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

/// Why a container that doesn't run won't soon.
const BROKEN: [&str; 7] = [
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
];

pub(super) fn keepers(live: &Live, now: Timestamp) -> Vec<KeeperPod> {
    live.keepers.iter().filter_map(|pod| keeper(live, pod, now)).collect()
}

fn keeper(live: &Live, pod: &Pod, now: Timestamp) -> Option<KeeperPod> {
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
        crashed: is_broken(pod),
        empty: running.is_none() || seen.is_some_and(holds_nothing),
        hydrated: is_ready(pod) && terminating.is_none() && seen.is_some_and(|k| k.current),
        age: pod.metadata.creation_timestamp.as_ref().map_or(Duration::ZERO, |t| age(t.0, now)),
        node,
        name,
    })
}

fn holds_nothing(keeper: &Keeper) -> bool {
    keeper.reachable && keeper.holds.is_empty()
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

fn is_broken(pod: &Pod) -> bool {
    let waiting = container(pod).and_then(|c| c.state.as_ref()?.waiting.as_ref());
    let reason = waiting.and_then(|waiting| waiting.reason.as_deref());
    reason.is_some_and(|reason| BROKEN.contains(&reason))
}

/// The pod's own readiness.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
}
