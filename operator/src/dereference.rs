//! Reads what a cluster's plan depends on. Secrets are never read.

mod absent;

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use kube::{
    Api,
    api::{DynamicObject, ListParams},
};
use serde_json::Value;
use spike_crds::SpikeCluster;

use crate::{
    build::{self, Kind, Known, Object},
    cluster::{Cluster, Identity},
    context::Context,
    error::Error,
    looks::{Asked, Look},
    names::{AUTHORITY_BUNDLE, Part, annotation},
    observe::{Ending, Escrowed, Live, PodLook, is_ours, of_part, spent, text},
    plan::Stage,
    version::{self, Version},
};

/// Reads at once, of one cluster: enough to be quick, too few to crowd out other clusters.
const AT_ONCE: usize = 8;

/// Everything that a plan depends on, as it is now.
pub(crate) async fn dereference(
    spec: &SpikeCluster,
    cluster: &Cluster,
    ctx: &Context,
) -> Result<Live, Error> {
    let namespace = &cluster.names.namespace;
    let named = |part| cluster.names.part(part);
    let set = get(ctx, Kind::StatefulSet, namespace, &named(Part::Keeper)).await?;
    let deployment = get(ctx, Kind::Deployment, namespace, &named(Part::Nexus)).await?;
    let known = Known { cluster_id: cluster_id(spec, set.as_ref()) };
    let base = base(ctx, spec, cluster, &known).await?;
    let pods = pods(ctx, cluster).await?;
    let of = |part: Part| of_part(&pods, &cluster.names, part);
    let (keepers, nexus, mut workers) = (of(Part::Keeper), of(Part::Nexus), of(Part::Bootstrap));
    let last_words = last_words(&workers);
    workers.retain(|pod| !pod.ended);
    let jobs = jobs(ctx, cluster).await?;
    let mut spare = spare(ctx, cluster).await?;
    spare.extend(spent(cluster, &jobs, &workers));
    let bundle = bundle(&base);
    let (statuses, silence) = ctx.voices.ask(cluster, bundle.as_deref(), &nexus).await;
    let unserved = absent::kinds(ctx, &base).await?;
    let escrow = get(ctx, Kind::ConfigMap, namespace, &cluster.names.escrow()).await?;
    let lacks = absent::mounts(ctx, namespace, nexus.iter().chain(&workers)).await?;
    let mut live = Live {
        unbound: absent::volume(&base),
        identity: absent::identity(&unserved, &base)
            .or_else(|| identity(cluster, &base, bundle.is_some())),
        escrow: escrow.as_ref().filter(|map| is_ours(cluster, map)).and_then(Escrowed::read),
        last_version: last_version(spec),
        foreign: foreign(cluster, escrow.as_ref()),
        spare,
        unserved,
        lacks,
        last_words,
        lost_nodes: lost_nodes(ctx, &keepers).await?,
        jobs,
        workers,
        authority: of(Part::Authority),
        last_quorum: last_quorum(spec),
        generation: generation(spec),
        stateful_set: set,
        deployment,
        known,
        base,
        keepers,
        nexus,
        statuses,
        silence,
        bundle,
        ending: None,
    };
    if spec.metadata.deletion_timestamp.is_some() {
        live.ending = Some(ending(spec, cluster, ctx, &live).await?);
    }
    Ok(live)
}

fn last_words(workers: &[PodLook]) -> Option<String> {
    let ended = workers.iter().filter(|pod| pod.ended).max_by_key(|pod| pod.created);
    ended.and_then(|pod| pod.words.clone())
}

/// The last look, with what Nexus says by now.
pub(crate) async fn ask_again(
    spec: &SpikeCluster,
    cluster: &Cluster,
    last: &Look,
    ctx: &Context,
) -> Live {
    let bundle = last.live.bundle.as_deref();
    let (statuses, silence) = ctx.voices.ask(cluster, bundle, &last.live.nexus).await;
    Live {
        statuses,
        silence,
        last_quorum: last_quorum(spec),
        last_version: last_version(spec),
        generation: generation(spec),
        ..last.live.clone()
    }
}

/// What a look is a look of.
pub(crate) fn asked(spec: &SpikeCluster) -> Asked {
    let metadata = &spec.metadata;
    let retry = metadata.annotations.as_ref().and_then(|all| all.get(annotation::RETRY));
    Asked {
        uid: metadata.uid.clone(),
        generation: metadata.generation,
        cluster_id: cluster_id(spec, None),
        retry: retry.cloned(),
    }
}

async fn get(
    ctx: &Context,
    kind: Kind,
    namespace: &str,
    name: &str,
) -> Result<Option<Value>, Error> {
    match ctx.api(kind, namespace).get(name).await {
        Ok(found) => Ok(Some(plain(&found))),
        // Also of a kind that isn't installed, which is told by the code alone.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(why) => Err(Error::kubernetes(format!("get {}/{name}", kind.name()))(why)),
    }
}

fn plain(object: &DynamicObject) -> Value {
    serde_json::to_value(object).expect("what was JSON is JSON")
}

async fn base(
    ctx: &Context,
    spec: &SpikeCluster,
    cluster: &Cluster,
    known: &Known,
) -> Result<Vec<(Object, Option<Value>)>, Error> {
    // What an earlier spec asked for besides is found at the end, too.
    let ends = spec.metadata.deletion_timestamp.is_some();
    let all = if ends { build::most } else { build::base };
    let wanted = all(cluster, known, &ctx.site).into_iter().map(Object::sealed);
    let reads = wanted.map(|object| async move {
        let live = get(ctx, object.kind, &cluster.names.namespace, &object.name).await?;
        Ok((object, live))
    });
    stream::iter(reads).buffered(AT_ONCE).try_collect().await
}

/// What is there of what the spec no longer asks for. Others' objects of those names may stay.
async fn spare(ctx: &Context, cluster: &Cluster) -> Result<Vec<(Kind, String, String)>, Error> {
    let reads = build::spare(cluster, &ctx.site).into_iter().map(|(kind, name)| async move {
        let live = get(ctx, kind, &cluster.names.namespace, &name).await?;
        let ours = live.filter(|live| is_ours(cluster, live));
        let uid = ours.and_then(|live| text(&live, &["metadata", "uid"]).map(ToOwned::to_owned));
        Ok(uid.map(|uid| (kind, name, uid)))
    });
    let found: Vec<_> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

fn foreign(cluster: &Cluster, map: Option<&Value>) -> Option<String> {
    let there = map.filter(|map| !is_ours(cluster, map));
    there.map(|_| format!("ConfigMap/{}", cluster.names.escrow()))
}

/// From a live list, never from a cache: what is decided by it can't be taken back.
async fn pods(ctx: &Context, cluster: &Cluster) -> Result<Vec<PodLook>, Error> {
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), &cluster.names.namespace);
    let query = ListParams::default().labels(&cluster.names.query_all());
    let listed = api.list(&query).await;
    let listed = listed.map_err(Error::kubernetes("list pods"))?;
    Ok(listed.items.iter().map(PodLook::from).collect())
}

async fn jobs(ctx: &Context, cluster: &Cluster) -> Result<Vec<Value>, Error> {
    let query = ListParams::default().labels(&cluster.names.query_all());
    let listed = ctx.api(Kind::Job, &cluster.names.namespace).list(&query).await;
    Ok(listed.map_err(Error::kubernetes("list jobs"))?.items.iter().map(plain).collect())
}

/// Nodes of pods that should have gone, if they aren't there to say so.
async fn lost_nodes(ctx: &Context, pods: &[PodLook]) -> Result<BTreeSet<String>, Error> {
    let now = Timestamp::now();
    let late = pods.iter().filter(|pod| pod.due.is_some_and(|due| due < now));
    let nodes: BTreeSet<_> = late.filter_map(|pod| pod.node.clone()).collect();
    let api: Api<Node> = Api::all(ctx.client.clone());
    let mut lost = BTreeSet::new();
    for name in nodes {
        let node =
            api.get_opt(&name).await.map_err(Error::kubernetes(format!("get node {name}")))?;
        let conditions = node.and_then(|node| node.status?.conditions).unwrap_or_default();
        if !conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True") {
            lost.insert(name);
        }
    }
    Ok(lost)
}

fn cluster_id(spec: &SpikeCluster, set: Option<&Value>) -> Option<String> {
    let told = spec.status.as_ref().and_then(|status| status.root_key.as_ref());
    let kept = || text(set?, &["metadata", "annotations", annotation::CLUSTER_ID]);
    told.map(|root| root.cluster_id.clone()).or_else(|| kept().map(ToOwned::to_owned))
}

fn last_quorum(spec: &SpikeCluster) -> Option<(u8, u8)> {
    let root = spec.status.as_ref()?.root_key.as_ref()?;
    Some((u8::try_from(root.shares?).ok()?, u8::try_from(root.threshold?).ok()?))
}

fn last_version(spec: &SpikeCluster) -> Option<Version> {
    version::earliest(spec.status.as_ref()?.version.as_ref()?)
}

fn generation(spec: &SpikeCluster) -> Option<u64> {
    let root = spec.status.as_ref()?.root_key.as_ref()?;
    u64::try_from(root.generation?).ok()
}

fn bundle(base: &[(Object, Option<Value>)]) -> Option<String> {
    let map = base.iter().find(|(object, _)| object.name == AUTHORITY_BUNDLE)?.1.as_ref()?;
    text(map, &["data", "bundle.pem"]).map(ToOwned::to_owned)
}

/// Why no SVID can be issued.
fn identity(
    cluster: &Cluster,
    base: &[(Object, Option<Value>)],
    published: bool,
) -> Option<String> {
    if cluster.identity != Identity::Builtin {
        return None;
    }
    if !published {
        return Some("the authority has not published its roots".to_owned());
    }
    let deployment = base.iter().find(|(object, _)| object.kind == Kind::Deployment);
    let live = deployment.and_then(|(_, live)| live.as_ref());
    let available =
        live.map_or(0, |live| crate::observe::number(live, "/status/availableReplicas"));
    (available == 0).then(|| "no replica of the authority is ready".to_owned())
}

async fn ending(
    spec: &SpikeCluster,
    cluster: &Cluster,
    ctx: &Context,
    live: &Live,
) -> Result<Ending, Error> {
    let namespaces: Api<Namespace> = Api::all(ctx.client.clone());
    let namespace = namespaces.get_opt(&cluster.names.namespace).await;
    let namespace = namespace.map_err(Error::kubernetes("get the namespace"))?;
    let ends = |namespace: Namespace| namespace.metadata.deletion_timestamp.is_some();
    let confirmed = spec
        .metadata
        .annotations
        .as_ref()
        .and_then(|annotations| annotations.get(annotation::CONFIRM_DELETE));
    Ok(Ending {
        namespace: namespace.is_none_or(ends),
        confirmed: confirmed == Some(&cluster.names.cluster),
        marked: is_marked(cluster, live),
        remaining: remaining(cluster, live),
    })
}

/// All that is ours says that it was left; another cluster's never will.
fn is_marked(cluster: &Cluster, live: &Live) -> bool {
    let base = live.base.iter().filter_map(|(_, live)| live.as_ref());
    let mut ours = base
        .chain(&live.stateful_set)
        .chain(&live.deployment)
        .filter(|object| is_ours(cluster, object));
    ours.all(|object| text(object, &["metadata", "annotations", annotation::RETAINED]).is_some())
}

/// What is left of ours; what others made under our names is theirs.
fn remaining(cluster: &Cluster, live: &Live) -> BTreeSet<Stage> {
    let ours = |live: &Option<Value>| live.as_ref().is_some_and(|live| is_ours(cluster, live));
    let present: Vec<_> = live.base.iter().filter(|(_, live)| ours(live)).collect();
    let mut remaining = BTreeSet::new();
    let mut note = |there: bool, stage| {
        if there {
            remaining.insert(stage);
        }
    };
    note(!live.jobs.is_empty(), Stage::Jobs);
    note(ours(&live.deployment), Stage::Nexus);
    note(ours(&live.stateful_set), Stage::Keepers);
    // A volume with secrets on it is for people to delete.
    let data = |kind| kind == Kind::PersistentVolumeClaim;
    let rest =
        |(object, _): &&(Object, Option<Value>)| object.kind.is_namespaced() && !data(object.kind);
    note(present.iter().any(rest), Stage::Rest);
    note(present.iter().any(|(object, _)| !object.kind.is_namespaced()), Stage::ClusterScoped);
    remaining
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_in_force_is_of_the_same_reading_as_the_spec() {
        let read = |status: Value| -> SpikeCluster {
            serde_json::from_value(json!({
                "apiVersion": "spike.ist/v1alpha1",
                "kind": "SpikeCluster",
                "metadata": { "name": "c", "namespace": "n" },
                "spec": {
                    "trustDomain": "example.org",
                    "identity": { "spire": {} },
                    "store": { "memory": {} },
                },
                "status": status,
            }))
            .expect("a SpikeCluster")
        };
        let root = json!({ "clusterId": "ab".repeat(16), "generation": 6 });
        assert_eq!(generation(&read(json!({ "rootKey": root }))), Some(6));
        assert_eq!(generation(&read(json!({}))), None, "before any was seen");
    }
}
