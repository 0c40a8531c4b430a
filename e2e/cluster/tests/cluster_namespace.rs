//! A namespace that is deleted takes its cluster along, and nothing hangs.

use k8s_openapi::api::{core::v1::Namespace as Resource, rbac::v1::ClusterRoleBinding};
use kube::{Api as Resources, api::ListParams};
use spike_testbed_kubernetes::{Demo, Manifest, Namespace, Postgres, until};

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn a_deleted_namespace_takes_its_cluster_along() {
    let namespace = Namespace::create("gone").await.expect("created");
    Postgres::start(&namespace, None).await.expect("started");
    let demo = Demo::apply(&namespace, &Manifest::on_postgres(2)).await.expect("applied");
    demo.until_settled().await;

    let (client, name) = (namespace.client(), namespace.name.clone());
    let ours = ListParams::default().labels(&format!("spike.ist/namespace={name}"));
    let bindings = Resources::<ClusterRoleBinding>::all(client.clone());
    let bound = bindings.list(&ours).await.expect("listed").items;
    assert_eq!(bound.len(), 1, "the authority's, which lies in no namespace");

    namespace.delete().await.expect("deleted");
    let namespaces = Resources::<Resource>::all(client);
    until("the namespace is gone", async || {
        namespaces.get_opt(&name).await.is_ok_and(|found| found.is_none())
    })
    .await;
    let left = bindings.list(&ours).await.expect("listed").items;
    assert!(left.is_empty(), "{left:?}");
}
