//! What a user asks for in one manifest is there in real pods: a cluster is applied, becomes ready, and
//! keeps a secret for whom Kubernetes lets be superuser.

use spike_testbed_kubernetes::{Demo, Manifest, Namespace, Person};

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn an_applied_cluster_becomes_ready_and_keeps_a_secret() {
    let namespace = Namespace::create("apply").await.expect("created");
    let demo = Demo::apply(&namespace, &Manifest::on_sqlite()).await.expect("applied");
    demo.until_settled().await;

    let superuser = Person::superuser(&namespace).await.expect("an administrator may");
    superuser.put("db/password", "correct horse").await.expect("put");
    assert_eq!(superuser.get("db/password").await.expect("got"), "correct horse");

    // Whoever Kubernetes doesn't let be superuser gets no token to be it with.
    let token = ["create", "token", "spike-demo-superuser", "--as=jane", "--as-group=developers"];
    let refused = namespace.kubectl(&token).await.expect_err("refused").to_string();
    assert!(refused.contains("orbidden"), "{refused}");
    namespace.delete().await.expect("deleted");
}
