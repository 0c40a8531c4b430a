//! What is to be seen of a cluster: its own status, its pods, and what a Nexus says of itself on its
//! probe port, where that can be reached. What can't be seen is said.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt, api::ListParams};
use serde::{Deserialize, Serialize};
use spike_core::wire::v2::status::{Keeper, Status};
use spike_crds::{
    SpikeCluster, SpikeClusterStatus,
    names::{Names, Part},
};

use super::health::Health;
use crate::{
    place::Place,
    pods::{Standing, container, is_of, standing, trouble},
    refusal, statusz,
};

/// Of one cluster at one moment.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Look {
    pub(crate) namespace: String,
    pub(crate) cluster: String,
    pub(crate) health: Health,
    pub(crate) trust_domain: String,
    /// `builtin` or `spire`.
    pub(crate) identity: String,
    /// The spec is newer than what the operator has seen.
    pub(crate) outdated: bool,
    pub(crate) created_at: Option<Timestamp>,
    /// As the operator saw it last.
    pub(crate) status: Option<SpikeClusterStatus>,
    pub(crate) keepers: Vec<Replica>,
    pub(crate) nexus: Vec<Replica>,
    /// What a Nexus says.
    pub(crate) told: Option<Status>,
    /// What could not be seen, and why.
    pub(crate) unseen: Vec<String>,
}

/// A pod.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Replica {
    pub(crate) pod: String,
    pub(crate) node: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) template: Option<String>,
    pub(crate) restarts: i32,
    /// A Keeper that holds the shard in force, a Nexus that serves.
    pub(crate) well: bool,
    /// How it is, in words.
    pub(crate) is: String,
}

impl Look {
    /// Looks.
    pub(crate) async fn at(place: &Place) -> Self {
        let mut unseen = Vec::new();
        let query = ListParams::default().labels(&place.names.query_all());
        let pods = match place.api::<Pod>().list(&query).await {
            Ok(pods) => pods.items,
            Err(why) => {
                unseen.push(format!("pods: {}", refusal::words(&why)));
                Vec::new()
            }
        };
        let told = match talkative(&pods) {
            None => None,
            Some(pod) => match statusz::ask(place, &pod.name_any()).await {
                Ok(status) => Some(status),
                Err(why) => {
                    unseen.push(format!("what {} says: {why}", pod.name_any()));
                    None
                }
            },
        };
        Self::of(&place.names, &place.cluster, &pods, told, unseen)
    }

    /// Of what was read.
    pub(super) fn of(
        names: &Names,
        cluster: &SpikeCluster,
        pods: &[Pod],
        told: Option<Status>,
        unseen: Vec<String>,
    ) -> Self {
        let seen = cluster.status.as_ref().and_then(|status| status.observed_generation);
        let keeper = |pod: &Pod| keeper(pod, told.as_ref());
        let builtin = cluster.spec.identity.builtin.is_some();
        let kind = if builtin { "builtin" } else { "spire" };
        Self {
            namespace: names.namespace.clone(),
            cluster: names.cluster.clone(),
            health: Health::of(cluster),
            trust_domain: cluster.spec.trust_domain.clone(),
            identity: kind.to_owned(),
            outdated: seen < cluster.metadata.generation,
            created_at: cluster.metadata.creation_timestamp.as_ref().map(|time| time.0),
            status: cluster.status.clone(),
            keepers: part(pods, Part::Keeper).map(keeper).collect(),
            nexus: part(pods, Part::Nexus).map(nexus).collect(),
            told,
            unseen,
        }
    }
}

fn part(pods: &[Pod], part: Part) -> impl Iterator<Item = &Pod> {
    let mut pods: Vec<_> = pods.iter().filter(|pod| is_of(pod, part)).collect();
    pods.sort_by_key(|pod| (pod.name_any().len(), pod.name_any()));
    pods.into_iter()
}

/// The Nexus that knows most: rather one that serves.
fn talkative(pods: &[Pod]) -> Option<&Pod> {
    let running = part(pods, Part::Nexus).filter(|pod| standing(pod) != Standing::Away);
    running.max_by_key(|pod| standing(pod))
}

fn nexus(pod: &Pod) -> Replica {
    let is = match standing(pod) {
        Standing::Ready => "serves".to_owned(),
        Standing::Running => "runs and does not serve: sealed, or draining".to_owned(),
        Standing::Away => trouble(pod),
    };
    replica(pod, standing(pod) == Standing::Ready, is)
}

/// A Keeper, as Nexus sees it; else as Kubernetes does, to which it is ready while it holds a set.
fn keeper(pod: &Pod, told: Option<&Status>) -> Replica {
    let ordinal = pod.name_any().rsplit_once('-').and_then(|(_, ordinal)| ordinal.parse().ok());
    let seen = told.and_then(|status| {
        status.keepers.iter().find(|keeper| Some(keeper.index.ordinal()) == ordinal)
    });
    let (well, is) = match (standing(pod), seen) {
        (Standing::Away, _) => (false, trouble(pod)),
        (_, Some(Keeper { current: true, .. })) => (true, "holds its shard".to_owned()),
        (_, Some(Keeper { reachable: true, holds, .. })) if holds.is_empty() => {
            let spare = told.and_then(|status| status.keys.as_ref());
            let spare = spare.is_some_and(|keys| ordinal >= Some(usize::from(keys.shares)));
            (spare, if spare { "holds nothing, as it should" } else { "holds nothing" }.to_owned())
        }
        (_, Some(Keeper { reachable: true, error, .. })) => {
            let why = error.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            (false, format!("holds no shard of the current set{why}"))
        }
        (_, Some(Keeper { error: Some(why), .. })) => {
            (false, format!("is not reached by Nexus: {why}"))
        }
        (Standing::Ready, _) => (true, "holds a shard".to_owned()),
        (Standing::Running, _) => (false, "holds nothing".to_owned()),
    };
    replica(pod, well, is)
}

fn replica(pod: &Pod, well: bool, is: String) -> Replica {
    Replica {
        pod: pod.name_any(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        ip: pod.status.as_ref().and_then(|status| status.pod_ip.clone()),
        template: pod.annotations().get("spike.ist/template").cloned(),
        restarts: container(pod).map_or(0, |container| container.restart_count),
        well,
        is,
    }
}
