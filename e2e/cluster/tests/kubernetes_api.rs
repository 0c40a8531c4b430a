//! The API server of a test is a real one, and many can run side by side.

use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::{ConfigMap, Namespace, Pod},
};
use kube::{
    Api as Resources, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::{from_value, json};
use spike_testbed_kubernetes::{Api, until};

#[tokio::test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
async fn controllers_act_and_rbac_decides() {
    let api = Api::start().await.expect("starts");
    let client = api.client().expect("a client");

    let deployments = Resources::<Deployment>::default_namespaced(client.clone());
    let wanted = from_value(json!({
        "metadata": { "name": "web" },
        "spec": {
            "replicas": 2,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "web", "image": "web" }] },
            },
        },
    }));
    let wanted: Deployment = wanted.expect("a Deployment");
    deployments.create(&PostParams::default(), &wanted).await.expect("created");

    let pods = Resources::<Pod>::default_namespaced(client.clone());
    until("two pods", async || {
        pods.list(&ListParams::default()).await.is_ok_and(|l| l.items.len() == 2)
    })
    .await;
    let sets = Resources::<ReplicaSet>::default_namespaced(client.clone());
    assert_eq!(sets.list(&ListParams::default()).await.expect("listed").items.len(), 1);

    let nobody = api.client_as("nobody", &["system:authenticated"]).expect("a client");
    let refused = Resources::<Pod>::default_namespaced(nobody).list(&ListParams::default()).await;
    let kube::Error::Api(refused) = refused.expect_err("RBAC gives nobody nothing") else {
        panic!("an answer of the API server");
    };
    assert_eq!(refused.code, 403);
}

#[tokio::test]
#[ignore = "needs Kubernetes's programs: make e2e builds and uses them"]
async fn a_namespace_goes_with_what_is_in_it() {
    let api = Api::start().await.expect("starts");
    let client = api.client().expect("a client");
    let namespaces = Resources::<Namespace>::all(client.clone());
    let wanted: Namespace = from_value(json!({ "metadata": { "name": "team" } })).expect("valid");
    namespaces.create(&PostParams::default(), &wanted).await.expect("created");
    let maps = Resources::<ConfigMap>::namespaced(client, "team");
    let map: ConfigMap = from_value(json!({ "metadata": { "name": "map" } })).expect("valid");
    let map = maps.create(&PostParams::default(), &map).await.expect("created");
    assert_eq!(map.name_any(), "map");

    namespaces.delete("team", &DeleteParams::default()).await.expect("accepted");
    until("it is gone", async || namespaces.get_opt("team").await.is_ok_and(|n| n.is_none())).await;
}
