//! How a cluster ends: what is kept is kept, what goes goes in its order, and nothing ever hangs.

#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::time::Duration;

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Namespace, Service},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use spike_crds::SpikeCluster;
use support::{
    Operator, SPIRE, World, eventually, merge, operator, part,
    proxy::{Fault, Proxy},
    snapshot::Snapshot,
    until_quiet,
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make e2e runs it"]
async fn a_cluster_ends_as_its_author_says() {
    let world = World::start().await;
    let (same, broken, less) = (json!({}), broken(), less());
    tokio::join!(
        part("retained, and adopted", retained(&world)),
        part("deleted, once that is confirmed", deleted(&world, "deleted", &same)),
        part("deleted, of a spec that can't work", deleted(&world, "broken", &broken)),
        part("deleted, with what a pause kept", deleted(&world, "less", &less)),
        part("paused, and retained", paused(&world)),
        part("a deletion that comes too late", late(&world)),
        part("the namespace, with an operator", namespace_ends(&world, true)),
        part("the namespace, while the operator is away", namespace_ends(&world, false)),
    );
    world.end().await;
}

async fn made(world: &World, name: &str) -> (String, Proxy, Operator) {
    let namespace = world.namespace(&format!("team-{name}")).await;
    let proxy = world.proxy(&namespace).await;
    let operator = operator("one", proxy.config(), false);
    world.apply(&namespace, SPIRE).await;
    eventually("it is made", async || world.waits_for_nexus(&namespace).await).await;
    (namespace, proxy, operator)
}

async fn delete(world: &World, namespace: &str) {
    let clusters = world.api::<SpikeCluster>(namespace);
    clusters.delete("demo", &DeleteParams::default()).await.expect("deleted");
}

async fn until_gone(world: &World, namespace: &str) {
    let clusters = world.api::<SpikeCluster>(namespace);
    eventually(&format!("{namespace}/demo is gone"), async || {
        clusters.get_opt("demo").await.expect("asked").is_none()
    })
    .await;
}

fn confirm(name: &str) -> Value {
    json!({
        "metadata": {"annotations": {"spike.ist/confirm-delete": name}},
        "spec": {"deletion": {"policy": "Delete"}},
    })
}

/// What holds keys outlives the object, says so, and is a new one's of the same name.
async fn retained(world: &World) {
    let (namespace, proxy, operator) = made(world, "retained").await;
    let before = Snapshot::of(&world.client(), &namespace).await;
    let sets = world.api::<StatefulSet>(&namespace);
    let uid = sets.get("spike-demo-keeper").await.expect("there").uid();
    delete(world, &namespace).await;
    until_gone(world, &namespace).await;
    let left = Snapshot::of(&world.client(), &namespace).await;
    assert_eq!(left.0.len() + 1, before.0.len(), "all but the SpikeCluster is there");
    let silent = |object: &&Value| !object.to_string().contains("spike.ist/retained");
    let silent: Vec<_> = left.0.values().filter(silent).collect();
    assert!(silent.is_empty(), "{silent:?}");
    until_quiet(&proxy, Duration::from_secs(3)).await;

    world.apply(&namespace, SPIRE).await;
    eventually("a new one takes it over, and nothing says that it was left", async || {
        Snapshot::of(&world.client(), &namespace).await == before
    })
    .await;
    assert_eq!(sets.get("spike-demo-keeper").await.expect("there").uid(), uid);
    operator.stop().await;
}

/// What the API server takes and the operator doesn't.
fn broken() -> Value {
    json!({"spec": {"store": {"postgres": {"database": "a b"}}}})
}

/// What is no longer asked for stays while a cluster is paused.
fn less() -> Value {
    json!({"spec": {"paused": true, "networkPolicy": {"mode": "None"}}})
}

/// Only the very name confirms; then nothing is left, whatever became of the spec meanwhile.
async fn deleted(world: &World, name: &str, edit: &Value) {
    let (namespace, proxy, operator) = made(world, name).await;
    let clusters = world.api::<SpikeCluster>(&namespace);
    merge(&clusters, "demo", edit).await;
    merge(&clusters, "demo", &confirm("another")).await;
    delete(world, &namespace).await;
    eventually("it is asked for", async || {
        let waits = world.condition(&namespace, "demo", "Reconciling").await;
        waits.is_some_and(|c| c.reason.contains("Confirm") && c.message.contains("confirm-delete"))
    })
    .await;
    until_quiet(&proxy, Duration::from_secs(3)).await;
    let sets = world.api::<StatefulSet>(&namespace);
    assert!(sets.get_opt("spike-demo-keeper").await.expect("asked").is_some());
    merge(&clusters, "demo", &confirm("demo")).await;
    until_gone(world, &namespace).await;
    assert_eq!(Snapshot::of(&world.client(), &namespace).await.0.len(), 0);
    let writes = proxy.writes();
    let place =
        |what: &str| writes.iter().position(|w| w.starts_with("DELETE") && w.contains(what));
    let order = ["/deployments/", "/statefulsets/", "/services/"].map(place);
    assert!(order.is_sorted() && order.iter().all(Option::is_some), "{writes:?}");
    operator.stop().await;
}

/// A pause keeps nobody from going.
async fn paused(world: &World) {
    let (namespace, _proxy, operator) = made(world, "paused-end").await;
    let clusters = world.api::<SpikeCluster>(&namespace);
    merge(&clusters, "demo", &json!({"spec": {"paused": true}})).await;
    delete(world, &namespace).await;
    until_gone(world, &namespace).await;
    operator.stop().await;
}

/// A deletion on its way doesn't meet what came after it under the same name.
async fn late(world: &World) {
    let (namespace, proxy, operator) = made(world, "late-end").await;
    let clusters = world.api::<SpikeCluster>(&namespace);
    proxy.plan(|asked| {
        let keepers = asked.path.ends_with("/statefulsets/spike-demo-keeper");
        if keepers && asked.method == http::Method::DELETE {
            return Fault::Delay(Duration::from_secs(5));
        }
        Fault::Pass
    });
    merge(&clusters, "demo", &confirm("demo")).await;
    delete(world, &namespace).await;
    eventually("Keepers are about to go", async || proxy.holds() > 0).await;
    // Somebody is faster, and a new cluster of that name is there.
    let sets = world.api::<StatefulSet>(&namespace);
    let old = sets.get("spike-demo-keeper").await.expect("there");
    sets.delete("spike-demo-keeper", &DeleteParams::background()).await.expect("deleted");
    eventually("they are gone", async || {
        sets.get_opt("spike-demo-keeper").await.expect("asked").is_none()
    })
    .await;
    let new = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "spike-demo-keeper", "labels": {"of": "another"}},
        "spec": old.spec,
    });
    let another = PatchParams::apply("another");
    sets.patch("spike-demo-keeper", &another, &Patch::Apply(new)).await.expect("made");
    eventually("the deletion arrives", async || proxy.holds() == 0).await;
    assert!(
        sets.get("spike-demo-keeper").await.expect("there").metadata.deletion_timestamp.is_none()
    );
    operator.stop().await;
}

/// Everything of a namespace goes with it, whether an operator is there at once or later.
async fn namespace_ends(world: &World, present: bool) {
    let name = if present { "ends-with" } else { "ends-without" };
    let (namespace, proxy, operator) = made(world, name).await;
    let mut operator = Some(operator);
    if !present && let Some(operator) = operator.take() {
        operator.stop().await;
    }
    let namespaces: Api<Namespace> = Api::all(world.client());
    namespaces.delete(&namespace, &DeleteParams::default()).await.expect("deleted");
    if !present {
        let services = world.api::<Service>(&namespace);
        eventually("all but the SpikeCluster is gone", async || {
            services.list(&kube::api::ListParams::default()).await.expect("listed").items.is_empty()
        })
        .await;
        eventually("the SpikeCluster is to go as well", async || {
            world.cluster(&namespace, "demo").await.metadata.deletion_timestamp.is_some()
        })
        .await;
        operator = Some(support::operator("one", proxy.config(), false));
    }
    eventually("the namespace is gone", async || {
        namespaces.get_opt(&namespace).await.expect("asked").is_none()
    })
    .await;
    operator.expect("it runs").stop().await;
}
