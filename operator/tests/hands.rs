//! What the operator owns is put right, once and in every field; what is others' is left alone; and
//! while a cluster is paused nothing of it is touched.

#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{Service, ServiceAccount},
    events::v1::Event,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use spike_crds::SpikeCluster;
use spike_operator::{build::Kind, compare::agrees};
use support::{
    Operator, SPIRE, World, eventually, merge, operator, part,
    proxy::{Asked, Proxy},
    snapshot::{Snapshot, TYPES},
    until_quiet,
};

/// Longer than the pause of a cluster that waits for something.
const QUIET: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ours_is_put_right_and_what_is_others_left_alone() {
    let world = World::start().await;
    tokio::join!(
        part("every field that is ours is looked at", every_field(&world)),
        part("hand edits are healed once", healed(&world)),
        part("every child is made again", made_again(&world)),
        part("others' fields are left alone", others(&world)),
        part("applied again by other managers", applied_again(&world)),
        part("paused", paused(&world)),
    );
    world.end().await;
}

/// A cluster of its own, made and quiet.
async fn made(world: &World, name: &str, text: &str) -> (String, Proxy, Operator) {
    let namespace = world.namespace(&format!("team-{name}")).await;
    let proxy = world.proxy(&namespace).await;
    let operator = operator("one", proxy.config(), false);
    world.apply(&namespace, text).await;
    eventually("it is made", async || world.waits_for_nexus(&namespace).await).await;
    until_quiet(&proxy, QUIET).await;
    (namespace, proxy, operator)
}

fn dynamic(world: &World, kind: Kind, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(world.client(), namespace, &kind.resource())
}

fn kind_of(manifest: &Value) -> Kind {
    let name = manifest.get("kind").and_then(Value::as_str).expect("a kind");
    *TYPES.iter().find(|kind| kind.name() == name).expect("known")
}

fn name_of(manifest: &Value) -> &str {
    manifest.pointer("/metadata/name").and_then(Value::as_str).expect("a name")
}

/// Whatever field of ours somebody changes or takes away, if the API server lets them: it is seen.
async fn every_field(world: &World) {
    let (namespace, proxy, operator) = made(world, "every-field", SPIRE).await;
    operator.stop().await;
    let (mut tried, mut unseen) = (0, Vec::new());
    for wanted in proxy.applied().into_values() {
        let api = dynamic(world, kind_of(&wanted), &namespace);
        let live = api.get(name_of(&wanted)).await.expect("there");
        let live = serde_json::to_value(live).expect("JSON");
        assert!(agrees(&live, &plain(&wanted)), "{wanted} is not what {live} is");
        for (at, edited) in edits(&live, &wanted) {
            let Ok(edited) = serde_json::from_value::<DynamicObject>(edited) else { continue };
            let params = PostParams { dry_run: true, field_manager: Some("by-hand".to_owned()) };
            let Ok(made) = api.replace(name_of(&wanted), &params, &edited).await else { continue };
            let made = serde_json::to_value(made).expect("JSON");
            if made.pointer(&at) == live.pointer(&at) {
                continue;
            }
            tried += 1;
            if agrees(&made, &plain(&wanted)) {
                unseen.push(format!("{} {at}: {:?}", name_of(&wanted), made.pointer(&at)));
            }
        }
    }
    eprintln!("{tried} edits that the API server accepts");
    assert!(tried > 200, "{tried} edits");
    assert_eq!(unseen, Vec::<String>::new());
}

/// As it was wanted, without the version that it carried.
fn plain(wanted: &Value) -> Value {
    let mut plain = wanted.clone();
    if let Some(Value::Object(metadata)) = plain.get_mut("metadata") {
        metadata.remove("resourceVersion");
    }
    plain
}

/// Every field that is wanted, changed and taken away.
fn edits(live: &Value, wanted: &Value) -> Vec<(String, Value)> {
    let mut fields = Vec::new();
    leaves(wanted, String::new(), &mut fields);
    let fixed = ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"];
    fields.retain(|at| !fixed.contains(&at.as_str()) && live.pointer(at).is_some());
    let mut edits = Vec::new();
    for at in fields {
        let mut changed = live.clone();
        let field = changed.pointer_mut(&at).expect("it is there");
        *field = another(field);
        edits.push((at.clone(), changed));
        let mut taken = live.clone();
        let (parent, key) = at.rsplit_once('/').expect("a pointer");
        if let Some(Value::Object(map)) = taken.pointer_mut(parent) {
            map.remove(&key.replace("~1", "/"));
            edits.push((at, taken));
        }
    }
    edits
}

fn leaves(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                leaves(value, format!("{at}/{}", key.replace('/', "~1")), into);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (index, value) in list.iter().enumerate() {
                leaves(value, format!("{at}/{index}"), into);
            }
        }
        _ => into.push(at),
    }
}

fn another(value: &Value) -> Value {
    match value {
        Value::String(text) if text == "TCP" => json!("UDP"),
        Value::String(text) if text == "UDP" => json!("TCP"),
        Value::String(text) => json!(format!("{text}x")),
        Value::Number(number) => json!(number.as_i64().unwrap_or(0) + 1),
        Value::Bool(bool) => json!(!bool),
        Value::Object(_) => json!({"matchLabels": {"x": "y"}}),
        _ => json!(["x"]),
    }
}

/// Hand edits of every kind, also those beside which ours can't be applied.
async fn healed(world: &World) {
    let (namespace, proxy, operator) = made(world, "healed", SPIRE).await;
    let good = Snapshot::of(&world.client(), &namespace).await;
    let edits = by_hand();
    for (kind, name, edit) in &edits {
        let api = dynamic(world, *kind, &namespace);
        let before = api.get(name).await.expect("there").resource_version();
        merge(&api, name, edit).await;
        assert_ne!(api.get(name).await.ok().and_then(|o| o.resource_version()), before, "{edit}");
        eventually(&format!("{name} is as it was before {edit}"), async || {
            let now = Snapshot::of(&world.client(), &namespace).await;
            let key = format!("{}/{name}", kind.name());
            now.0.get(&key) == good.0.get(&key)
        })
        .await;
    }
    let mut writes = BTreeMap::<String, usize>::new();
    for write in proxy.writes().iter().filter(|write| !write.contains("/status")) {
        *writes.entry(write.clone()).or_default() += 1;
    }
    let total: usize = writes.values().sum();
    // One for each, and for those that can't be applied: the refusal, lists as a whole, deleting.
    assert!(total <= 2 * edits.len(), "{total} writes for {} edits: {writes:#?}", edits.len());
    until_quiet(&proxy, QUIET).await;
    operator.stop().await;
}

fn by_hand() -> Vec<(Kind, &'static str, Value)> {
    let nexus = "spike-demo-nexus";
    let keeper = "spike-demo-keeper";
    let container = |name: &str, more: Value| {
        let mut container = json!({"name": name, "image": IMAGE_BY_HAND});
        container.as_object_mut().expect("a map").extend(more.as_object().cloned().expect("map"));
        json!({"spec": {"template": {"spec": {"containers": [container]}}}})
    };
    let label = json!({"metadata": {"labels": {"spike.ist/cluster": null}}});
    vec![
        (Kind::Service, nexus, json!({"spec": {"selector": {"app": "other"}}})),
        (Kind::Service, nexus, json!({"spec": {"ports": [{"name": "https", "port": 9999}]}})),
        (Kind::Service, keeper, json!({"spec": {"publishNotReadyAddresses": false}})),
        (Kind::Service, keeper, label),
        (
            Kind::PodDisruptionBudget,
            keeper,
            json!({"spec": {"maxUnavailable": null, "minAvailable": 0}}),
        ),
        (Kind::NetworkPolicy, keeper, json!({"spec": {"ingress": [{}]}})),
        (Kind::ConfigMap, "spike-demo-config", json!({"data": {"SPIKE_INSTANCE": "a/b"}})),
        (Kind::ServiceAccount, keeper, json!({"automountServiceAccountToken": true})),
        (Kind::StatefulSet, keeper, json!({"spec": {"replicas": 0}})),
        (Kind::StatefulSet, keeper, container("keeper", json!({"resources": null}))),
        (Kind::Deployment, nexus, json!({"spec": {"replicas": 9}})),
        (Kind::Deployment, nexus, container("nexus", json!({"env": []}))),
        (
            Kind::Deployment,
            nexus,
            json!({"metadata": {"annotations": {"spike.ist/template": "x"}}}),
        ),
    ]
}

const IMAGE_BY_HAND: &str = "registry.example/other:1";

/// Each object, deleted by hand, is there again as it was, and that one was missing is told.
async fn made_again(world: &World) {
    let (namespace, proxy, operator) = made(world, "made-again", SPIRE).await;
    let service = "spike-demo-keeper";
    let services = world.api::<Service>(&namespace);
    services.delete(service, &DeleteParams::default()).await.expect("deleted");
    let events = world.api::<Event>(&namespace);
    eventually("it is told of", async || {
        let events = events.list(&ListParams::default()).await.expect("listed");
        let related = |event: &Event| event.related.as_ref().and_then(|it| it.name.clone());
        let mut about = events.iter().filter(|event| related(event).as_deref() == Some(service));
        let note = format!("Service/{service} was missing: made anew");
        about.any(|event| event.note.as_ref() == Some(&note))
    })
    .await;
    until_quiet(&proxy, QUIET).await;
    let good = Snapshot::of(&world.client(), &namespace).await;
    let objects: Vec<_> = good.0.keys().filter(|name| !name.starts_with("SpikeCluster/")).collect();
    for object in &objects {
        let (kind, name) = object.split_once('/').expect("a kind and a name");
        let kind = *TYPES.iter().find(|one| one.name() == kind).expect("known");
        let api = dynamic(world, kind, &namespace);
        api.delete(name, &DeleteParams::background()).await.expect("deleted");
    }
    eventually("all is there again", async || {
        Snapshot::of(&world.client(), &namespace).await == good
    })
    .await;
    let writes = proxy.writes();
    let made =
        writes.iter().filter(|write| write.starts_with("PATCH") && !write.contains("/status"));
    assert!(made.count() <= 2 * objects.len(), "{writes:?}");
    until_quiet(&proxy, QUIET).await;
    operator.stop().await;
}

/// Annotations, labels and fields that we don't have, by whatever manager; replicas that an
/// autoscaler has.
async fn others(world: &World) {
    let scaled = SPIRE.replace(
        "  store:",
        "  nexus: {autoscaling: {maxReplicas: 9, targetCpuPercent: 70}}\n  store:",
    );
    let (namespace, proxy, operator) = made(world, "others", &scaled).await;
    let objects = Snapshot::of(&world.client(), &namespace).await.0;
    let theirs = json!({"metadata": {
        "annotations": {"example.org/theirs": "1"}, "labels": {"example.org/theirs": "1"},
    }});
    for object in objects.keys().filter(|name| !name.starts_with("SpikeCluster/")) {
        let (kind, name) = object.split_once('/').expect("a kind and a name");
        let kind = *TYPES.iter().find(|one| one.name() == kind).expect("known");
        merge(&dynamic(world, kind, &namespace), name, &theirs).await;
    }
    let deployments = world.api::<Deployment>(&namespace);
    let sidecar = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "spike-demo-nexus"},
        "spec": {"template": {
            "metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}},
            "spec": {
                "nodeSelector": {"disk": "ssd"},
                "containers": [{"name": "nexus", "env": [{"name": "HTTP_PROXY", "value": "x"}]}],
            },
        }},
    });
    let mesh = PatchParams::apply("mesh");
    deployments.patch("spike-demo-nexus", &mesh, &Patch::Apply(sidecar)).await.expect("applied");
    let scale = json!({"spec": {"replicas": 5}});
    let hpa = PatchParams { field_manager: Some("hpa".to_owned()), ..PatchParams::default() };
    deployments.patch_scale("spike-demo-nexus", &hpa, &Patch::Merge(scale)).await.expect("scaled");
    assert_eq!(children(&looked(world, &namespace, &proxy).await), Vec::<&String>::new());
    let nexus = deployments.get("spike-demo-nexus").await.expect("there").spec.expect("a spec");
    assert_eq!(nexus.replicas, Some(5));
    let pod = nexus.template.spec.expect("a pod");
    assert!(pod.node_selector.is_some_and(|all| all.contains_key("disk")));
    operator.stop().await;
}

/// Lets the operator look at everything until one look was begun and done after whatever happened before;
/// what it wrote meanwhile.
async fn looked(world: &World, namespace: &str, proxy: &Proxy) -> Vec<String> {
    // One may be under way, one is the look that is meant, and it is over when another one begins.
    const LOOKS: usize = 3;
    let clusters = world.api::<SpikeCluster>(namespace);
    let mut asked = Vec::<(Asked, u16)>::new();
    for look in 0..LOOKS {
        asked.extend(proxy.requests());
        let before = asked.len();
        let again = json!({"metadata": {"annotations": {"spike.ist/retry": look.to_string()}}});
        merge(&clusters, "demo", &again).await;
        eventually("everything is looked at", async || {
            asked.extend(proxy.requests());
            asked.iter().skip(before).any(|(asked, _)| asked.begins_a_look())
        })
        .await;
    }
    let writes = asked.iter().filter(|(asked, _)| asked.is_write());
    writes.map(|(asked, code)| format!("{asked} {code}")).collect()
}

/// Writes to anything but the status of a `SpikeCluster`.
fn children(writes: &[String]) -> Vec<&String> {
    writes.iter().filter(|write| !write.contains("/spikeclusters/")).collect()
}

/// As kubectl, Argo CD and Flux do, again and again.
async fn applied_again(world: &World) {
    let (namespace, proxy, operator) = made(world, "applied-again", SPIRE).await;
    let before = world.cluster(&namespace, "demo").await;
    for _ in 0..2 {
        world.kubectl(&["-n", &namespace, "apply", "-f", "-"], SPIRE);
        for manager in ["argocd-controller", "kustomize-controller"] {
            world.apply_as(&namespace, SPIRE, &PatchParams::apply(manager).force()).await;
        }
    }
    assert_eq!(looked(world, &namespace, &proxy).await, Vec::<String>::new());
    let after = world.cluster(&namespace, "demo").await;
    assert_eq!(after.metadata.generation, before.metadata.generation);
    assert_eq!(after.status, before.status);
    operator.stop().await;
}

/// Nothing is touched but the status; what was changed meanwhile is put right afterwards.
async fn paused(world: &World) {
    let (namespace, proxy, operator) = made(world, "paused", SPIRE).await;
    let good = Snapshot::of(&world.client(), &namespace).await;
    let clusters = world.api::<SpikeCluster>(&namespace);
    merge(&clusters, "demo", &json!({"spec": {"paused": true}})).await;
    eventually("the pause is told, of this very spec", async || {
        let cluster = world.cluster(&namespace, "demo").await;
        let status = cluster.status.expect("it has one");
        status.observed_generation == cluster.metadata.generation
            && status.conditions.iter().any(|c| c.type_ == "Paused" && c.status == "True")
    })
    .await;
    proxy.requests();
    let services = world.api::<Service>(&namespace);
    services.delete("spike-demo-nexus-admin", &DeleteParams::default()).await.expect("deleted");
    let sets = world.api::<StatefulSet>(&namespace);
    merge(&sets, "spike-demo-keeper", &json!({"spec": {"replicas": 1}})).await;
    let accounts = world.api::<ServiceAccount>(&namespace);
    let token = json!({"automountServiceAccountToken": true});
    merge(&accounts, "spike-demo-keeper", &token).await;
    merge(&clusters, "demo", &json!({"spec": {"nexus": {"replicas": 3}}})).await;
    assert_eq!(children(&looked(world, &namespace, &proxy).await), Vec::<&String>::new());
    let back = json!({"spec": {"paused": false, "nexus": {"replicas": 2}}});
    merge(&clusters, "demo", &back).await;
    eventually("all is as it was", async || {
        Snapshot::of(&world.client(), &namespace).await == good
    })
    .await;
    until_quiet(&proxy, QUIET).await;
    operator.stop().await;
}
