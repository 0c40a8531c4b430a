//! An object that this operator can't read hinders no other, is told so, and can be deleted.

#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::time::Duration;

use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::ServiceAccount, events::v1::Event},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use spike_crds::{SpikeCluster, definition};
use support::{SPIRE, World, eventually, operator, until_quiet};

/// A definition of tomorrow: what happens at the end may be something new.
fn of_tomorrow() -> CustomResourceDefinition {
    fn free(value: &mut Value) {
        match value {
            Value::Object(map) => {
                let policy = map.get("enum") == Some(&json!(["Retain", "Delete"]));
                if policy {
                    map.remove("enum");
                }
                map.values_mut().for_each(free);
            }
            Value::Array(list) => list.iter_mut().for_each(free),
            _ => {}
        }
    }
    let mut text = serde_json::to_value(definition()).expect("JSON");
    free(&mut text);
    serde_json::from_value(text).expect("a definition")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_another_version_hinders_no_other() {
    let world = World::start().await;
    let crds: Api<CustomResourceDefinition> = Api::all(world.client());
    let params = PatchParams::apply("tomorrow").force();
    let name = "spikeclusters.spike.ist";
    crds.patch(name, &params, &Patch::Apply(of_tomorrow())).await.expect("taken");

    let namespace = world.namespace("both").await;
    let resource = ApiResource::erase::<SpikeCluster>(&());
    let all: Api<DynamicObject> = Api::namespaced_with(world.client(), &namespace, &resource);
    let strange = json!({
        "apiVersion": "spike.ist/v1alpha1",
        "kind": "SpikeCluster",
        "metadata": {"name": "strange", "finalizers": ["spike.ist/operator"]},
        "spec": {
            "trustDomain": "example.org",
            "identity": {"spire": {}},
            "store": {"postgres": {"host": "db.example", "credentialsRef": {"name": "login"}}},
            "deletion": {"policy": "Archive"},
        },
    });
    let strange: DynamicObject = serde_json::from_value(strange).expect("an object");
    eventually("the definition is heard of", async || {
        all.create(&PostParams::default(), &strange).await.is_ok()
    })
    .await;
    let proxy = world.proxy(&namespace).await;
    let operator = operator("one", proxy.config(), false);
    world.apply(&namespace, SPIRE).await;
    let deployments = world.api::<Deployment>(&namespace);
    eventually("the other is made", async || {
        deployments.get_opt("spike-demo-nexus").await.expect("asked").is_some()
    })
    .await;
    told(&world, &all, &namespace).await;
    until_quiet(&proxy, Duration::from_secs(5)).await;

    let accounts = world.api::<ServiceAccount>(&namespace);
    let its = json!({"metadata": {"name": "spike-strange-nexus", "labels": {
        "spike.ist/cluster": "strange", "spike.ist/namespace": namespace,
    }}});
    let its = serde_json::from_value(its).expect("an account");
    accounts.create(&PostParams::default(), &its).await.expect("made");
    all.delete("strange", &DeleteParams::default()).await.expect("deleted");
    eventually("it is let go", async || all.get_opt("strange").await.expect("asked").is_none())
        .await;
    let left = accounts.get("spike-strange-nexus").await.expect("an unknown end deletes nothing");
    assert!(left.annotations().contains_key("spike.ist/retained"), "{left:?}");
    operator.stop().await;
    world.end().await;
}

/// Where people look: in its conditions and its events.
async fn told(world: &World, all: &Api<DynamicObject>, namespace: &str) {
    eventually("its status tells", async || {
        let strange = all.get("strange").await.expect("there");
        let conditions = strange.data.pointer("/status/conditions").cloned().unwrap_or_default();
        let stalled = |c: &Value| {
            let says = |key: &str, text: &str| c.get(key).is_some_and(|it| it == text);
            says("type", "Stalled") && says("status", "True") && says("reason", "Unreadable")
        };
        conditions.as_array().is_some_and(|all| all.iter().any(stalled))
    })
    .await;
    let events = world.api::<Event>(namespace).list(&ListParams::default()).await.expect("listed");
    let about = |event: &&Event| {
        event.regarding.as_ref().is_some_and(|it| it.name.as_deref() == Some("strange"))
    };
    let notes: Vec<_> = events.iter().filter(about).filter_map(|e| e.note.clone()).collect();
    assert!(notes.len() == 1 && notes.iter().all(|note| note.contains("Archive")), "{notes:?}");
}
