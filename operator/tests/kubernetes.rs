//! The operator on a real API server. No pod runs here: what needs one is the end-to-end tests'.

#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::collections::BTreeMap;

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    coordination::v1::Lease,
    core::v1::{ConfigMap, Secret, Service, ServiceAccount},
    policy::v1::PodDisruptionBudget,
};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams},
};
use serde_json::json;
use spike_crds::SpikeCluster;
use spike_identity::authority::{Exchange, certificates, trade};
use support::{SPIRE, World, eventually, merge};

const BUILTIN: &str = "
apiVersion: spike.ist/v1alpha1
kind: SpikeCluster
metadata: {name: first}
spec:
  trustDomain: example.org
  identity: {builtin: {}}
  nexus: {replicas: 1}
  store: {sqlite: {}}
";

/// One API server for all: it takes seconds to start.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_api_server_sees_a_cluster_made_kept_and_left() {
    let world = World::start().await;
    let operator = world.operator("one");
    let namespace = world.namespace("team").await;
    made(&world, &namespace).await;
    quiet(&world, &namespace).await;
    healed(&world, &namespace).await;
    paused(&world, &namespace).await;
    let second = world.operator("two");
    one_leads(&world, operator).await;
    healed(&world, &namespace).await;
    retained(&world, &namespace).await;
    authorities(&world).await;
    invalid(&world).await;
    second.stop().await;
    world.end().await;
}

/// Apply, and everything that needs no pod is there.
async fn made(world: &World, namespace: &str) {
    world.apply(namespace, SPIRE).await;
    let deployments = world.api::<Deployment>(namespace);
    eventually("Nexus is there", async || {
        deployments.get_opt("spike-demo-nexus").await.expect("asked").is_some()
    })
    .await;
    let set = world.api::<StatefulSet>(namespace).get("spike-demo-keeper").await.expect("there");
    let spec = set.spec.expect("a spec");
    assert_eq!(spec.replicas, Some(3));
    assert_eq!(spec.update_strategy.and_then(|s| s.type_).as_deref(), Some("OnDelete"));
    assert!(set.metadata.owner_references.is_none(), "a prune would collect every shard");
    for service in ["spike-demo-nexus", "spike-demo-nexus-admin", "spike-demo-keeper"] {
        world.api::<Service>(namespace).get(service).await.expect(service);
    }
    for account in ["nexus", "keeper", "bootstrap", "superuser", "recover", "restore"] {
        let name = format!("spike-demo-{account}");
        world.api::<ServiceAccount>(namespace).get(&name).await.expect("an account");
    }
    eventually("it is told that no Nexus runs", async || {
        let ready = world.condition(namespace, "demo", "Ready").await;
        ready.is_some_and(|c| c.status == "False" && c.reason == "NexusPending")
    })
    .await;
    let cluster = world.cluster(namespace, "demo").await;
    assert!(cluster.finalizers().iter().any(|name| name == "spike.ist/operator"));
}

/// Versions of everything of a cluster.
async fn versions(world: &World, namespace: &str) -> BTreeMap<String, Option<String>> {
    let ours = ListParams::default().labels("spike.ist/cluster=demo");
    let mut versions = BTreeMap::new();
    macro_rules! note {
        ($($kind:ty),*) => {$(
            for object in world.api::<$kind>(namespace).list(&ours).await.expect("listed") {
                let name = format!("{}/{}", stringify!($kind), object.name_any());
                versions.insert(name, object.metadata.resource_version.clone());
            }
        )*};
    }
    note!(Service, ServiceAccount, ConfigMap, PodDisruptionBudget);
    let cluster = world.cluster(namespace, "demo").await;
    versions.insert("SpikeCluster".to_owned(), cluster.resource_version());
    // Controllers write the status of workloads; only the operator writes their spec.
    for set in world.api::<StatefulSet>(namespace).list(&ours).await.expect("listed") {
        let fields = set.metadata.managed_fields.clone().unwrap_or_default();
        let own = fields.into_iter().find(|f| f.manager.as_deref() == Some("spike-operator"));
        let time = own.and_then(|field| field.time).map(|time| time.0.to_string());
        versions.insert(format!("StatefulSet/{}", set.name_any()), time);
    }
    versions
}

/// Where nothing changes nothing is written, however often it is looked.
async fn quiet(world: &World, namespace: &str) {
    let settled = versions(world, namespace).await;
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    assert_eq!(versions(world, namespace).await, settled);
}

/// Hand edits go; what others add stays.
async fn healed(world: &World, namespace: &str) {
    let services = world.api::<Service>(namespace);
    let theirs = json!({"metadata": {"annotations": {"example.org/theirs": "1"}}});
    merge(&services, "spike-demo-nexus", &theirs).await;
    let wrong = json!({"spec": {"publishNotReadyAddresses": false}});
    merge(&services, "spike-demo-keeper", &wrong).await;
    services.delete("spike-demo-nexus-admin", &DeleteParams::default()).await.expect("deleted");
    let sets = world.api::<StatefulSet>(namespace);
    merge(&sets, "spike-demo-keeper", &json!({"spec": {"replicas": 1}})).await;
    let deployments = world.api::<Deployment>(namespace);
    merge(&deployments, "spike-demo-nexus", &json!({"spec": {"replicas": 9}})).await;
    eventually("all of it is put right", async || {
        let keepers = services.get("spike-demo-keeper").await.expect("there").spec;
        let admin = services.get_opt("spike-demo-nexus-admin").await.expect("asked");
        let set = sets.get("spike-demo-keeper").await.expect("there").spec;
        let nexus = deployments.get("spike-demo-nexus").await.expect("there").spec;
        keepers.and_then(|spec| spec.publish_not_ready_addresses) == Some(true)
            && admin.is_some()
            && set.and_then(|spec| spec.replicas) == Some(3)
            && nexus.and_then(|spec| spec.replicas) == Some(2)
    })
    .await;
    let service = services.get("spike-demo-nexus").await.expect("there");
    assert!(service.annotations().contains_key("example.org/theirs"));
}

/// A pause is a pause.
async fn paused(world: &World, namespace: &str) {
    let clusters = world.api::<SpikeCluster>(namespace);
    merge(&clusters, "demo", &json!({"spec": {"paused": true}})).await;
    eventually("the pause is told", async || {
        world.condition(namespace, "demo", "Paused").await.is_some()
    })
    .await;
    let services = world.api::<Service>(namespace);
    services.delete("spike-demo-nexus-admin", &DeleteParams::default()).await.expect("deleted");
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let gone = services.get_opt("spike-demo-nexus-admin").await.expect("asked").is_none();
    assert!(gone, "a paused cluster is left alone");
    merge(&clusters, "demo", &json!({"spec": {"paused": false}})).await;
    eventually("it is made again", async || {
        services.get_opt("spike-demo-nexus-admin").await.expect("asked").is_some()
    })
    .await;
}

/// Of two operators one acts; when it stops the other does.
async fn one_leads(world: &World, first: support::Operator) {
    let leases = world.api::<Lease>(support::HOME);
    let holder = async || {
        let lease = leases.get("spike-operator").await.expect("there");
        lease.spec.and_then(|spec| spec.holder_identity)
    };
    assert_eq!(holder().await.as_deref(), Some("one"));
    first.stop().await;
    eventually("the other leads", async || holder().await.as_deref() == Some("two")).await;
}

/// What holds keys outlives the object, and a new one of its name takes it over.
async fn retained(world: &World, namespace: &str) {
    let clusters = world.api::<SpikeCluster>(namespace);
    clusters.delete("demo", &DeleteParams::default()).await.expect("deleted");
    eventually("it is let go", async || clusters.get_opt("demo").await.expect("asked").is_none())
        .await;
    let sets = world.api::<StatefulSet>(namespace);
    let set = sets.get("spike-demo-keeper").await.expect("it stays");
    assert!(set.annotations().contains_key("spike.ist/retained"));
    let (uid, old) = (set.uid(), set.annotations().get("spike.ist/owner-uid").cloned());
    world.apply(namespace, SPIRE).await;
    eventually("a new one takes it over", async || {
        let set = sets.get("spike-demo-keeper").await.expect("there");
        set.annotations().get("spike.ist/owner-uid").cloned() != old && set.uid() == uid
    })
    .await;
    deleted(world, namespace, "demo").await;
    eventually("everything goes", async || {
        sets.get_opt("spike-demo-keeper").await.expect("asked").is_none()
    })
    .await;
}

/// A namespace has one built-in authority, whose Secret is made and never read.
async fn authorities(world: &World) {
    let namespace = world.namespace("builtin").await;
    world.apply(&namespace, BUILTIN).await;
    eventually("it waits for its authority", async || {
        let condition = world.condition(&namespace, "first", "IdentityReady").await;
        condition.is_some_and(|c| c.status == "False")
    })
    .await;
    let secret = world.api::<Secret>(&namespace).get("spike-authority-ca").await.expect("made");
    assert!(secret.data.is_none(), "empty: the authority fills it");
    world.api::<Deployment>(&namespace).get("spike-first-authority").await.expect("made");
    let keepers = world.api::<StatefulSet>(&namespace).get_opt("spike-first-keeper").await;
    assert!(keepers.expect("asked").is_none(), "nobody starts without an identity");
    issues(world, &namespace).await;
    world.apply(&namespace, &BUILTIN.replace("first", "second")).await;
    eventually("the second is told", async || {
        let stalled = world.condition(&namespace, "second", "Stalled").await;
        stalled.is_some_and(|c| c.reason == "AuthorityExists" && c.message.contains("first"))
    })
    .await;
    let clusters = world.api::<SpikeCluster>(&namespace);
    clusters.delete("second", &DeleteParams::default()).await.expect("deleted");
    eventually("the second goes", async || {
        clusters.get_opt("second").await.expect("asked").is_none()
    })
    .await;
    let map = world.api::<ConfigMap>(&namespace).get("spike-authority-bundle").await;
    let left = map.expect("it is the first's").annotations().contains_key("spike.ist/retained");
    assert!(!left, "nobody left what is the first's");
    let secrets = world.api::<Secret>(&namespace);
    let kept = async || secrets.get_opt("spike-authority-ca").await.expect("asked").is_some();
    world.apply(&namespace, &BUILTIN.replace("first", "second")).await;
    deleted(world, &namespace, "second").await;
    assert!(kept().await, "it is the first's");
    deleted(world, &namespace, "first").await;
    assert!(!kept().await, "nobody goes on signing with it");
}

/// With everything in it, as is confirmed.
async fn deleted(world: &World, namespace: &str, name: &str) {
    let clusters = world.api::<SpikeCluster>(namespace);
    let confirm = json!({
        "metadata": {"annotations": {"spike.ist/confirm-delete": name}},
        "spec": {"deletion": {"policy": "Delete"}},
    });
    merge(&clusters, name, &confirm).await;
    clusters.delete(name, &DeleteParams::default()).await.expect("deleted");
    eventually(&format!("{name} goes"), async || {
        clusters.get_opt(name).await.expect("asked").is_none()
    })
    .await;
}

/// The authority publishes its roots, and real tokens are traded for what their accounts may be.
async fn issues(world: &World, namespace: &str) {
    let authority = world.authority(namespace, "first");
    let maps = world.api::<ConfigMap>(namespace);
    let mut bundle = None;
    eventually("roots are published", async || {
        let map = maps.get("spike-authority-bundle").await.expect("the operator made it");
        bundle = map.data.and_then(|data| data.get("bundle.pem").cloned());
        bundle.is_some()
    })
    .await;
    let roots = certificates(&bundle.expect("published")).expect("PEM");
    let url = authority.url.clone();
    let trade = async |account: &str, audience: &str| {
        let token = world.token(namespace, account, audience).await;
        trade(Exchange { url: &url, token: &token, roots: &roots }).await
    };
    let audience = "spike.ist/builtin/first";
    eventually("the authority answers", async || {
        trade("spike-first-superuser", audience).await.is_ok()
    })
    .await;
    let unbound = trade("spike-first-nexus", audience).await.expect_err("no pod").to_string();
    assert!(unbound.contains("403") && unbound.contains("bound to a pod"), "{unbound}");
    let other = trade("spike-first-superuser", "spike.ist/builtin/other").await;
    let other = other.expect_err("for somebody else").to_string();
    assert!(other.contains("401"), "{other}");
    let secret = world.api::<Secret>(namespace).get("spike-authority-ca").await.expect("there");
    assert!(secret.data.as_ref().is_some_and(|data| data.contains_key("roots.json")));
    lost(world, namespace, &secret).await;
    authority.running.stop().await;
}

/// Deleted alone, the Secret is made again by who may not look for it, and has its roots back from whoever
/// still signs with them: nobody needs another SVID.
async fn lost(world: &World, namespace: &str, before: &Secret) {
    let secrets = world.api::<Secret>(namespace);
    let only = DeleteParams::default();
    secrets.delete("spike-authority-ca", &only).await.expect("a hand may");
    eventually("the Secret is another one with the same roots", async || {
        let now = secrets.get_opt("spike-authority-ca").await.expect("asked");
        now.is_some_and(|now| now.uid() != before.uid() && now.data == before.data)
    })
    .await;
}

/// What only the operator can refuse is said in the status, and nothing is made.
async fn invalid(world: &World) {
    let namespace = world.namespace("invalid").await;
    let text = SPIRE.replace("host: db.example", "host: db.example, database: 'a b'");
    world.apply(&namespace, &text).await;
    eventually("it is told", async || {
        let stalled = world.condition(&namespace, "demo", "Stalled").await;
        stalled.is_some_and(|c| c.reason == "InvalidSpec" && c.message.contains("urlRef"))
    })
    .await;
    let services = world.api::<Service>(&namespace).list(&ListParams::default()).await;
    assert!(services.expect("listed").items.is_empty());
}
