//! What becomes of a cluster whose `SpikeCluster` is deleted is what its author chose, and never costs a
//! secret: the database stays, and with it everything that a root key can be brought back to.

use std::{fs, path::Path};

use serde_json::json;
use spike_testbed_kubernetes::{Demo, Load, Manifest, Namespace, Person, Postgres, until};

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn what_is_retained_goes_on_serving_and_is_taken_over() {
    let namespace = Namespace::create("retain").await.expect("created");
    Postgres::start(&namespace, None).await.expect("started");
    let demo = Demo::apply(&namespace, &Manifest::on_postgres(2)).await.expect("applied");
    demo.until_settled().await;
    let load = Load::start(&namespace, None).await.expect("started");
    let before = pods(&namespace).await;

    namespace.kubectl(&["delete", "spikecluster/demo", "--timeout=120s"]).await.expect("deleted");
    load.until_answered(100).await.expect("it goes on serving");
    let marked = ["get", "statefulset/spike-demo-keeper", "-o=jsonpath={.metadata.annotations}"];
    let marked = namespace.kubectl(&marked).await.expect("it is there");
    assert!(marked.contains(r#""spike.ist/retained":"true""#), "{marked}");

    let demo = Demo::apply(&namespace, &Manifest::on_postgres(2)).await.expect("applied");
    demo.until_settled().await;
    load.until_answered(100).await.expect("answered");
    let report = load.stop().await.expect("stopped");
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(load.check().await.expect("checked"), Vec::<String>::new());
    assert_eq!(pods(&namespace).await, before, "no pod was made anew");
    namespace.delete().await.expect("deleted");
}

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn what_is_deleted_comes_back_by_recovery_shards_alone() {
    let namespace = Namespace::create("delete").await.expect("created");
    Postgres::start(&namespace, None).await.expect("started");
    let manifest = Manifest::on_postgres(2);
    let manifest = manifest.with(&json!({ "spec": { "deletion": { "policy": "Delete" } } }));
    let demo = Demo::apply(&namespace, &manifest).await.expect("applied");
    demo.until_settled().await;
    let superuser = Person::superuser(&namespace).await.expect("an administrator may");
    superuser.put("db/password", "correct horse").await.expect("put");
    let folder = tempfile::tempdir().expect("a folder");
    let custodian = Person::with_role(&namespace, "recover").await.expect("an administrator may");
    let into = folder.path().to_str().expect("UTF-8");
    custodian.must(&["operator", "recover", "--dir", into]).await.expect("shards");

    namespace.kubectl(&["delete", "spikecluster/demo", "--wait=false"]).await.expect("asked");
    demo.until("it asks to be told its name", |cluster| {
        let conditions = cluster.status.iter().flat_map(|status| &status.conditions);
        conditions.into_iter().any(|condition| condition.message.contains("confirm-delete"))
    })
    .await;
    let confirm = ["annotate", "spikecluster/demo", "spike.ist/confirm-delete=demo"];
    namespace.kubectl(&confirm).await.expect("annotated");
    until("nothing is left but what others made", async || left(&namespace).await.is_empty()).await;

    let demo = Demo::apply(&namespace, &manifest).await.expect("applied");
    demo.until_condition("Stalled", "True", "RecoveryRequired").await;
    let nexus = demo.pods("nexus").await.expect("listed");
    let restorer = Person::with_role(&namespace, "restore").await.expect("an administrator may");
    let shards = shards(folder.path());
    let restore = ["operator", "restore", &shards[0], &shards[1]];
    let out = restorer.spike_at(&nexus[0], &restore).await.expect("runs");
    assert!(out.status.success(), "{out:?}");
    demo.until_settled().await;
    let superuser = Person::superuser(&namespace).await.expect("an administrator may");
    assert_eq!(superuser.get("db/password").await.expect("got"), "correct horse");
    namespace.delete().await.expect("deleted");
}

/// Every pod of the cluster, with its uid.
async fn pods(namespace: &Namespace) -> Vec<String> {
    let each = "-o=jsonpath={range .items[*]}{.metadata.name} {.metadata.uid}\n{end}";
    let part = "-l=spike.ist/cluster=demo,app.kubernetes.io/component in (nexus,keeper)";
    let listed = namespace.kubectl(&["get", "pods", part, each]).await.expect("listed");
    listed.lines().map(ToOwned::to_owned).collect()
}

/// What is left of the cluster, itself included.
async fn left(namespace: &Namespace) -> String {
    let kinds = "pod,service,serviceaccount,configmap,secret,poddisruptionbudget,networkpolicy,\
                 horizontalpodautoscaler,rolebinding,deployment,statefulset,job";
    let made = ["get", kinds, "-o", "name", "-l", "spike.ist/cluster=demo"];
    let made = namespace.kubectl(&made).await.expect("listed");
    made + &namespace.kubectl(&["get", "spikecluster", "-o", "name"]).await.expect("listed")
}

/// The files of the recovery shards.
fn shards(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).expect("readable");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.iter().map(|file| file.display().to_string()).collect()
}
