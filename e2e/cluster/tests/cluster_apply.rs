//! What a user asks for in one manifest is there in real pods: a cluster is applied, becomes ready, and
//! keeps a secret for whom Kubernetes lets be superuser.

#[path = "common/superuser.rs"]
mod superuser;

use spike_testbed_kubernetes::Namespace;
use superuser::Superuser;

/// The installation, as users apply it.
const INSTALLATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/default");

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn an_applied_cluster_becomes_ready_and_keeps_a_secret() {
    let namespace = Namespace::create("apply").await.expect("created");
    namespace.administer(&["apply", "--server-side", "-k", INSTALLATION]).await.expect("installed");
    let operator = "rollout status deployment/spike-operator -n spike-system --timeout 180s";
    namespace
        .administer(&operator.split(' ').collect::<Vec<_>>())
        .await
        .expect("the operator runs");

    let cluster = "apiVersion: spike.ist/v1alpha1
kind: SpikeCluster
metadata: { name: demo }
spec:
  trustDomain: example.org
  identity: { builtin: {} }
  store: { sqlite: {} }
  nexus: { replicas: 1 }
";
    namespace.apply(cluster).await.expect("applied");
    let ready = ["wait", "--for=condition=Ready", "--timeout=300s", "spikecluster/demo"];
    namespace.kubectl(&ready).await.expect("it becomes ready");

    let superuser = Superuser::of(&namespace).await;
    let put = superuser.spike(&["secret", "put", "db/password", "value=correct horse"]).await;
    assert!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
    let got = superuser.spike(&["secret", "get", "db/password", "value"]).await;
    assert_eq!(String::from_utf8_lossy(&got.stdout).trim(), "correct horse");

    // Whoever Kubernetes doesn't let be superuser gets no token to be it with.
    let token = ["create", "token", "spike-demo-superuser", "--as=jane", "--as-group=developers"];
    let refused = namespace.kubectl(&token).await.expect_err("refused").to_string();
    assert!(refused.contains("orbidden"), "{refused}");
}
