//! Whoever applies the same manifest, by whatever name, changes nothing: no pod, no object, no status.

use spike_testbed_kubernetes::{Demo, EDITED, Manifest, Namespace, Postgres};

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn who_applies_the_same_again_changes_nothing() {
    let namespace = Namespace::create("managers").await.expect("created");
    Postgres::start(&namespace, None).await.expect("started");
    let manifest = Manifest::on_postgres(2);
    let demo = Demo::apply(&namespace, &manifest).await.expect("applied");
    demo.until_settled().await;
    let (before, cluster) =
        (demo.versions().await.expect("listed"), demo.get().await.expect("got"));

    for manager in ["argocd-controller", "kustomize-controller"] {
        let manager = format!("--field-manager={manager}");
        let apply = ["apply", "--server-side", "--force-conflicts", &manager, "-f", "-"];
        namespace.kubectl_with(&apply, &manifest.to_string()).await.expect("applied");
    }
    // As Argo CD tracks what it applied.
    let label = ["label", "spikecluster/demo", "app.kubernetes.io/instance=secrets"];
    namespace.kubectl(&label).await.expect("labelled");
    demo.until_looked_at().await.expect("edited");

    assert_eq!(demo.written_since(&before).await.expect("listed"), [EDITED], "nothing else");
    let now = demo.get().await.expect("got");
    assert_eq!(now.metadata.generation, cluster.metadata.generation);
    demo.until("the status is quiet", |now| now.status == cluster.status).await;
    namespace.delete().await.expect("deleted");
}
