//! Nexus is scaled up and down, by its spec and by `kubectl scale`, and no request fails.

use serde_json::json;
use spike_testbed_kubernetes::{
    Manifest, Namespace, Postgres, Scene,
    pods::{NEXUS, pods, serves},
    until,
};

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn nexus_is_scaled_up_and_down_and_no_request_fails() {
    let namespace = Namespace::create("nexus-scaled").await.expect("created");
    Postgres::start(&namespace, None).await.expect("PostgreSQL runs");
    let manifest = Manifest::on_postgres(2);
    let scene = Scene::begin(&namespace, &manifest, None).await.expect("it serves");

    scene.change(&json!({ "spec": { "nexus": { "replicas": 4 } } })).await.expect("patched");
    until_there_are(&namespace, 4).await;
    let scale = ["scale", "spikecluster/demo", "--replicas=1"];
    namespace.kubectl(&scale).await.expect("the kind has a scale");
    until_there_are(&namespace, 1).await;
    let scale = ["scale", "spikecluster/demo", "--replicas=3"];
    namespace.kubectl(&scale).await.expect("the kind has a scale");
    until_there_are(&namespace, 3).await;
    scene.demo.until_settled().await;

    let said = ["get", "spikecluster/demo", "-o=jsonpath={.status.nexus}"];
    let said = namespace.kubectl(&said).await.expect("a status");
    assert!(said.contains(r#""unsealed":3"#), "{said}");
    scene.end_unnoticed("Nexus scaled from 2 to 4 to 1 to 3", 3).await.expect("unnoticed");
    namespace.delete().await.expect("deleted");
}

/// So many serve, and there are no others.
async fn until_there_are(namespace: &Namespace, wanted: usize) {
    until(&format!("{wanted} Nexus serve"), async || {
        let all = pods(namespace, NEXUS).await.unwrap_or_default();
        all.len() == wanted && all.iter().all(serves)
    })
    .await;
}
