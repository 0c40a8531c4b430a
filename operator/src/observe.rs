//! Reduces what was read to what a plan depends on. Pure.

mod contest;
mod escrow;
mod jobs;
mod pod;
mod pods;
pub(crate) mod ring;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use spike_core::wire::v2::{health::State, status::Status};
use spike_crds::cluster::DeletionPolicy;

use crate::{
    build::{self, Kind, Known, Object},
    cluster::Cluster,
    compare::agrees,
    hash::Digest,
    names::{Half, MANAGER, annotation, label},
    plan::{Base, End, IdentityLook, Keepers, Nexus, Observed, Reach, Stage, Stall},
    version::Version,
};

pub(crate) use contest::contest;
pub use escrow::Escrowed;
pub(crate) use jobs::spent;
pub use pod::{PodLook, Trouble};
pub(crate) use pods::of_part;

/// One look at everything, as it was read.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Every wanted object that is neither a workload nor a Job, and what is there of it.
    pub base: Vec<(Object, Option<Value>)>,
    /// The Keepers' `StatefulSet`.
    pub stateful_set: Option<Value>,
    /// The Nexus Deployment.
    pub deployment: Option<Value>,
    /// Our Jobs.
    pub jobs: Vec<Value>,
    /// The Keepers' pods.
    pub keepers: Vec<PodLook>,
    /// The Nexus pods.
    pub nexus: Vec<PodLook>,
    /// The pods of Jobs that run.
    pub workers: Vec<PodLook>,
    /// The authority's pods.
    pub authority: Vec<PodLook>,
    /// Nodes that are gone or not ready, of pods that should have gone.
    pub lost_nodes: BTreeSet<String>,
    /// What each Nexus says, by its pod's name.
    pub statuses: Vec<(String, Status)>,
    /// Why no Nexus says anything.
    pub silence: String,
    /// Whether SVIDs can be issued.
    pub identity: Option<String>,
    /// How the cluster ends, if it does.
    pub ending: Option<Ending>,
    /// What is known from before.
    pub known: Known,
    /// The quorum that was seen last.
    pub last_quorum: Option<(u8, u8)>,
    /// The generation of the split that was in force when the spec was read, as its status says.
    pub generation: Option<u64>,
    /// The roots that the built-in authority has published.
    pub bundle: Option<String>,
    /// The recovery shards that people find in a `ConfigMap`.
    pub escrow: Option<Escrowed>,
    /// What ran when anybody last could say.
    pub last_version: Option<Version>,
    /// The `ConfigMap` of recovery shards, if somebody else's has its name.
    pub foreign: Option<String>,
    /// Objects of ours that the spec no longer asks for: kind, name, uid.
    pub spare: Vec<(Kind, String, String)>,
    /// Kinds that are wanted and not installed.
    pub unserved: BTreeSet<Kind>,
    /// What a pod waits for, in the kubelet's words.
    pub lacks: Option<String>,
    /// Why Nexus's volume isn't made, if nobody will make it.
    pub unbound: Option<String>,
    /// What the Job that ended last said, if it failed.
    pub last_words: Option<String>,
}

impl Live {
    /// What a later look needs of this one: everything but the objects.
    pub(crate) fn lasting(&self) -> Self {
        Self {
            keepers: self.keepers.clone(),
            nexus: self.nexus.clone(),
            workers: self.workers.clone(),
            identity: self.identity.clone(),
            known: self.known.clone(),
            bundle: self.bundle.clone(),
            escrow: self.escrow.clone(),
            unserved: self.unserved.clone(),
            lacks: self.lacks.clone(),
            unbound: self.unbound.clone(),
            last_words: self.last_words.clone(),
            ..Self::default()
        }
    }
}

/// A cluster that is being deleted.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// Its namespace ends too.
    pub namespace: bool,
    /// The annotation names it.
    pub confirmed: bool,
    /// Every object is marked.
    pub marked: bool,
    /// What is still there.
    pub remaining: BTreeSet<Stage>,
}

/// What a plan is made of.
pub fn observe(cluster: &Cluster, live: &Live, now: Timestamp) -> Observed {
    let keepers = live.stateful_set.as_ref().map(|set| stateful_set(cluster, live, set));
    let view = ring::view(live);
    Observed {
        end: live.ending.as_ref().map(|ending| end(cluster, ending)),
        obstacle: obstacle(cluster, live)
            .or_else(|| live.foreign.clone().map(Stall::ForeignObject)),
        base: Base { differs: differs(live), orphans: pods::orphans(cluster, live) },
        identity: live.identity.clone().map_or(IdentityLook::Ready, IdentityLook::Waits),
        keepers,
        keeper_pods: pods::keepers(live, cluster.hydration_timeout, now),
        nexus: live.deployment.as_ref().map(|deployment| nexus(cluster, live, deployment)),
        nexus_pods: pods::nexus(live),
        ring_was_seen: view.was_seen,
        ring: view.look,
        last_quorum: live.last_quorum,
        store: reach(live),
        bootstrap: jobs::bootstrap(cluster, live, now),
        migration: jobs::schema(cluster, live, Half::Expand),
        contraction: jobs::schema(cluster, live, Half::Contract),
        version: version(live),
        one_version: is_one_version(live),
        escrow: escrow::look(live),
        turn: true,
        hydration_timeout: cluster.hydration_timeout,
    }
}

/// The same objects as before, of which Nexus has something else to say, or time has passed.
pub(crate) fn again(cluster: &Cluster, before: &Observed, live: &Live, now: Timestamp) -> Observed {
    let view = ring::view(live);
    Observed {
        keeper_pods: pods::keepers(live, cluster.hydration_timeout, now),
        nexus_pods: pods::nexus(live),
        ring_was_seen: view.was_seen,
        ring: view.look,
        last_quorum: live.last_quorum,
        store: reach(live),
        version: version(live),
        one_version: is_one_version(live),
        escrow: escrow::look(live),
        ..before.clone()
    }
}

fn end(cluster: &Cluster, ending: &Ending) -> End {
    if ending.namespace {
        return End::Namespace { outside: ending.remaining.contains(&Stage::ClusterScoped) };
    }
    match cluster.deletion {
        DeletionPolicy::Retain => End::Retain { marked: ending.marked },
        DeletionPolicy::Delete => {
            End::Delete { confirmed: ending.confirmed, remaining: ending.remaining.clone() }
        }
    }
}

/// An object of our name that isn't ours is never touched.
fn obstacle(cluster: &Cluster, live: &Live) -> Option<Stall> {
    let wanted = live.base.iter().filter_map(|(object, live)| {
        Some((object.to_string(), object.name.as_str(), live.as_ref()?))
    });
    let workloads = [("StatefulSet", &live.stateful_set), ("Deployment", &live.deployment)];
    let workloads = workloads.into_iter().filter_map(|(kind, object)| {
        let name = object.as_ref()?.pointer("/metadata/name")?.as_str()?;
        Some((format!("{kind}/{name}"), name, object.as_ref()?))
    });
    let (what, name, object) =
        wanted.chain(workloads).find(|(_, _, live)| !is_ours(cluster, live))?;
    let owner = text(object, &["metadata", "labels", label::CLUSTER]);
    Some(match owner {
        Some(other) if name.starts_with("spike-authority-") => {
            Stall::AuthorityExists(other.to_owned())
        }
        _ => Stall::ForeignObject(what),
    })
}

/// Ours are those that say so, also if an earlier `SpikeCluster` of this name made them, or if
/// somebody took a label off.
pub(crate) fn is_ours(cluster: &Cluster, live: &Value) -> bool {
    let owner = text(live, &["metadata", "annotations", annotation::OWNER_UID]);
    if owner == Some(&cluster.uid) {
        return true;
    }
    let says = |key, value: &str| text(live, &["metadata", "labels", key]) == Some(value);
    says(label::CLUSTER, &cluster.names.cluster) && says(label::NAMESPACE, &cluster.names.namespace)
}

fn differs(live: &Live) -> Vec<String> {
    let wrong = missing(live).into_iter().chain(changed(live)).map(ToString::to_string);
    let spare = live.spare.iter().map(|(kind, name, _)| format!("{}/{name}", kind.name()));
    wrong.chain(spare).collect()
}

/// Wanted objects that aren't there, though their kind is.
pub(crate) fn missing(live: &Live) -> Vec<&Object> {
    let served = |object: &Object| !live.unserved.contains(&object.kind);
    let missing = live.base.iter().filter(|(object, there)| there.is_none() && served(object));
    missing.map(|(object, _)| object).collect()
}

/// Wanted objects that are there, and not as they should be.
pub(crate) fn changed(live: &Live) -> Vec<&Object> {
    let differs = |(object, there): &&(Object, Option<Value>)| {
        let served = !live.unserved.contains(&object.kind);
        served && there.as_ref().is_some_and(|there| !agrees(there, &object.manifest))
    };
    live.base.iter().filter(differs).map(|(object, _)| object).collect()
}

/// A field by its keys: annotations have slashes and dots in theirs.
pub(crate) fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(value, |value, key| value.get(*key))?.as_str()
}

pub(crate) fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

fn stateful_set(cluster: &Cluster, live: &Live, set: &Value) -> Keepers {
    let replicas = u8::try_from(number(set, "/spec/replicas")).unwrap_or(u8::MAX);
    let memory = memory(live, set);
    let template = applied_template(set).unwrap_or_else(|| build::keeper_template(cluster));
    let should = build::stateful_set(cluster, replicas, &template, &memory);
    Keepers {
        replicas,
        template: build::digest(&template),
        good: memory.good.as_ref().map(build::digest),
        bad: memory.bad.as_deref().map(Digest::read),
        scaled: !owns_replicas(set),
        drifted: !agrees(set, &should.manifest),
    }
}

/// The template that was applied last, as the `StatefulSet` remembers it.
pub(crate) fn applied_template(set: &Value) -> Option<Value> {
    let kept = text(set, &["metadata", "annotations", annotation::TEMPLATE_APPLIED])?;
    serde_json::from_str(kept).ok()
}

/// What the `StatefulSet` remembers, and what is known by now.
pub(crate) fn memory(live: &Live, set: &Value) -> build::Memory {
    let kept = |key| text(set, &["metadata", "annotations", key]);
    build::Memory {
        good: kept(annotation::TEMPLATE_GOOD).and_then(|good| serde_json::from_str(good).ok()),
        bad: kept(annotation::TEMPLATE_BAD).map(ToOwned::to_owned),
        cluster_id: live.known.cluster_id.clone(),
    }
}

fn nexus(cluster: &Cluster, seen: &Live, live: &Value) -> Nexus {
    let kept = |key| text(live, &["metadata", "annotations", key]).unwrap_or_default();
    let peers = peers(live);
    let template = Digest::read(kept(annotation::TEMPLATE));
    let should = build::deployment(cluster, peers);
    let same = should.annotation(annotation::TEMPLATE) == Some(template.as_str());
    let wanted = number(live, "/spec/replicas");
    let all = ["updatedReplicas", "availableReplicas", "replicas"];
    let count = |name: &str| number(live, &format!("/status/{name}"));
    let observed = number(live, "/status/observedGeneration");
    let current = observed >= number(live, "/metadata/generation");
    let conditions = live.pointer("/status/conditions").and_then(Value::as_array);
    let late = |condition: &Value| text(condition, &["reason"]) == Some("ProgressDeadlineExceeded");
    Nexus {
        template,
        peers,
        replicas: u16::try_from(wanted).unwrap_or(u16::MAX),
        rolling: !current || all.iter().any(|name| count(name) != wanted),
        // A pod that can't start is reason enough to let another template have its turn.
        stuck: conditions.is_some_and(|all| all.iter().any(late))
            || seen.nexus.iter().any(|pod| pod.trouble.is_some()),
        counts: owns_replicas(live),
        // Its replicas are a question of their own.
        drifted: same && !agrees_but_replicas(live, should.manifest),
    }
}

/// How many Keepers its pods know: what they are told counts, and only where that is gone what an
/// annotation says of it.
fn peers(live: &Value) -> u8 {
    let kept = text(live, &["metadata", "annotations", annotation::PEERS]).unwrap_or_default();
    let env = live.pointer("/spec/template/spec/containers/0/env").and_then(Value::as_array);
    let told = |var: &&Value| text(var, &["name"]) == Some("SPIKE_NEXUS_KEEPER_PEERS");
    let Some(told) = env.and_then(|env| text(env.iter().find(told)?, &["value"])) else {
        return kept.parse().unwrap_or(0);
    };
    let urls = told.split(',').filter(|url| !url.is_empty()).count();
    u8::try_from(urls).unwrap_or(u8::MAX)
}

/// True if the number of replicas is a field that we applied.
fn owns_replicas(live: &Value) -> bool {
    let fields = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    fields.into_iter().flatten().any(|entry| {
        text(entry, &["manager"]) == Some(MANAGER)
            && entry.pointer("/fieldsV1/f:spec/f:replicas").is_some()
    })
}

/// The earliest version that runs, or ran when anybody last could say.
fn version(live: &Live) -> Option<Version> {
    let said = live.statuses.iter().filter_map(|(_, status)| Version::read(&status.version));
    said.min().or(live.last_version)
}

/// True if every Nexus pod that there is, also one that is about to go, answers and says the same.
fn is_one_version(live: &Live) -> bool {
    let said: BTreeSet<_> = live.statuses.iter().map(|(_, status)| &status.version).collect();
    said.len() == 1 && live.statuses.len() == live.nexus.len()
}

fn agrees_but_replicas(live: &Value, mut should: Value) -> bool {
    if let Some(Value::Object(spec)) = should.get_mut("spec") {
        spec.remove("replicas");
    }
    agrees(live, &should)
}

fn reach(live: &Live) -> Reach {
    let takes_writes = live.statuses.iter().any(|(_, status)| takes_writes(status));
    match (live.statuses.is_empty(), takes_writes) {
        (true, _) => Reach::Unknown,
        (false, true) => Reach::Reachable,
        (false, false) => Reach::Unreachable,
    }
}

/// The store answers, and what it says is believed: one that lost its ring or went back is of no use.
pub(crate) fn takes_writes(status: &Status) -> bool {
    let audit = status.reasons.iter().any(|reason| reason.code == "audit_unavailable");
    status.store.reachable && (status.status != State::StoreUnavailable || audit)
}
