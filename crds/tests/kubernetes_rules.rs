//! A real API server takes the definition, and judges by it as the examples and we do.

#[allow(dead_code, reason = "each test uses its part")]
mod common;
#[allow(dead_code, reason = "each test uses its part")]
#[path = "common/server.rs"]
mod server;

use common::{examples, shapes, whole};
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use server::{Server, object, refusal};
use spike_crds::{Rule, SpikeClusterStatus, manifest};

/// Judges without keeping.
fn dry() -> PostParams {
    PostParams { dry_run: true, field_manager: None }
}

/// What `refusal` has for an example: one cause, the rule's.
fn the_rule(rule: &Rule, message: &str, causes: &[(String, String)]) {
    assert_eq!(causes.len(), 1, "{}: {causes:?}", rule.name);
    let (field, said) = causes.first().expect("counted");
    assert!(said.ends_with(&format!(": {message}")), "{}: {said}", rule.name);
    // Of an object's metadata an API server names no field.
    let fields: Vec<_> = rule.at.iter().map(|at| rule.path(at)).collect();
    assert!(fields.contains(field) || field == "<nil>", "{}: {field}", rule.name);
}

#[tokio::test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
async fn every_rule_judges_its_examples_as_they_say() {
    let server = Server::start("rules").await;
    let clusters = server.clusters();
    for example in examples() {
        let rule = example.rule;
        let (mut accepted, mut refused) = (object(&example.accepted), object(&example.refused));
        let (accepted, refused) = if let Some(before) = &example.before {
            let before = clusters.create(&PostParams::default(), &object(before)).await;
            let before = before.expect(rule.name);
            let name = before.name_any();
            for after in [&mut accepted, &mut refused] {
                after.metadata.resource_version = before.resource_version();
            }
            let judged = (
                clusters.replace(&name, &dry(), &accepted).await,
                clusters.replace(&name, &dry(), &refused).await,
            );
            clusters.delete(&name, &DeleteParams::default()).await.expect("deleted");
            judged
        } else {
            (clusters.create(&dry(), &accepted).await, clusters.create(&dry(), &refused).await)
        };
        accepted.expect(rule.name);
        the_rule(rule, &example.message, &refusal(refused));
    }
    for wrong in ["soon", "10", "1.5m", "-1m"] {
        let example = examples().into_iter().find(|one| one.rule.name == "hydration-timeout");
        let example = example.expect("it is one");
        let refused = object(&example.refused.replace("0s", &format!("{wrong:?}")));
        let causes = refusal(clusters.create(&dry(), &refused).await);
        the_rule(example.rule, &example.message, &causes);
    }
    for shape in shapes() {
        let refused = clusters.create(&dry(), &object(&shape.refused)).await;
        assert!(!refusal(refused).is_empty(), "{} is refused", shape.name);
    }
    server.stop().await;
}

#[tokio::test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
async fn every_field_is_kept_and_what_is_left_out_is_filled_in_as_we_do() {
    let server = Server::start("defaults").await;
    let clusters = server.clusters();
    let accepted = examples().into_iter().map(|example| example.accepted);
    for text in accepted.chain(whole()) {
        let theirs = clusters.create(&dry(), &object(&text)).await.expect("accepted");
        let ours = manifest::read(&text).expect("readable");
        let ours = serde_json::to_value(ours.spec).expect("JSON");
        assert_eq!(theirs.data.get("spec"), Some(&ours), "{text}");
    }
    server.stop().await;
}

#[tokio::test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
async fn a_status_is_kept_whole_and_nexus_is_scaled() {
    let server = Server::start("status").await;
    let clusters = server.clusters();
    let example = examples().swap_remove(0);
    let made = clusters.create(&PostParams::default(), &object(&example.accepted)).await;
    let made = made.expect("created");
    let name = made.name_any();

    let status: SpikeClusterStatus = serde_json::from_value(status()).expect("a status");
    let patch = Patch::Merge(json!({ "status": status }));
    let kept = clusters.patch_status(&name, &PatchParams::default(), &patch).await.expect("kept");
    assert_eq!(kept.data.get("status"), Some(&self::status()), "nothing is pruned");

    let shown = columns(&server, &name, 0).await;
    assert_eq!(shown, [&name, "True", "Serving", "3/3", "2", "postgres", "0.1.0"]);
    let wide = columns(&server, &name, 1).await;
    let image = "registry.example.org/spike:0.1.0";
    assert_eq!(wide, ["3", "null", "false", image, "2 Nexus replicas serve"]);

    let scale = clusters.get_scale(&name).await.expect("it can be scaled");
    let selector = scale.status.and_then(|status| status.selector);
    assert_eq!(selector.as_deref(), Some("spike.ist/cluster=cluster"));
    let patch = Patch::Merge(json!({ "spec": { "replicas": 4 } }));
    clusters.patch_scale(&name, &PatchParams::default(), &patch).await.expect("scaled");
    let scaled = clusters.get(&name).await.expect("there");
    assert_eq!(scaled.data.pointer("/spec/nexus/replicas"), Some(&json!(4)));
    server.stop().await;
}

/// What `kubectl get` shows of a cluster in columns of this priority, but for its age.
async fn columns(server: &Server, name: &str, priority: u8) -> Vec<String> {
    let namespace = &server.namespace;
    let path = format!("/apis/spike.ist/v1alpha1/namespaces/{namespace}/spikeclusters/{name}");
    let request =
        http::Request::get(path).header("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    let request = request.body(Vec::new()).expect("a request");
    let table: Value = server.client.request(request).await.expect("a table");
    let list = |at| table.pointer(at).and_then(Value::as_array).expect("a list");
    let columns = list("/columnDefinitions").iter().zip(list("/rows/0/cells"));
    let is = |column: &Value, key, value: Value| column.get(key) == Some(&value);
    let shown = columns.filter(|(column, _)| {
        is(column, "priority", priority.into()) && !is(column, "name", "Age".into())
    });
    let text = |cell: &Value| cell.as_str().map_or_else(|| cell.to_string(), ToOwned::to_owned);
    shown.map(|(_, cell)| text(cell)).collect()
}

/// A status with every field.
fn status() -> Value {
    json!({
        "observedGeneration": 3,
        "version": "0.1.0",
        "image": "registry.example.org/spike:0.1.0",
        "nexus": { "replicas": 2, "ready": 2, "unsealed": 2, "selector": "spike.ist/cluster=cluster" },
        "keeper": { "replicas": 3, "ready": 3, "hydrated": 3 },
        "shards": "3/3",
        "rootKey": {
            "clusterId": "0193", "epoch": 1, "rootEpoch": 1, "setId": "ab", "generation": 1,
            "shares": 3, "threshold": 2, "bootstrappedAt": "2026-01-02T03:04:05Z",
        },
        "recovery": {
            "recipients": ["age1alice"], "threshold": 2, "setId": "ab", "rootEpoch": 1,
            "configMap": "spike-cluster-recovery",
        },
        "rollout": { "target": "cafe", "pod": "spike-cluster-keeper-2", "blockedReason": "Drain" },
        "store": { "kind": "postgres", "schemaVersion": 1, "serverVersion": "16.4" },
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "Serving",
            "message": "2 Nexus replicas serve",
            "lastTransitionTime": "2026-01-02T03:04:05Z", "observedGeneration": 3,
        }],
    })
}
