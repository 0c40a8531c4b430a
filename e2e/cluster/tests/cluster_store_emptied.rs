//! A database that loses everything under a running cluster is never taken for a new one: nothing is served
//! from it, no root key is made where there was one, what is wrong is said, and the backup brings
//! everything back.

use spike_crds::names::port;
use spike_testbed_kubernetes::{
    Demo, Load, Manifest, Namespace, Person, Postgres, condition, until,
};

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn an_emptied_database_is_never_taken_for_a_new_one() {
    let namespace = Namespace::create("emptied").await.expect("created");
    let postgres = Postgres::start(&namespace, None).await.expect("started");
    let demo = Demo::apply(&namespace, &Manifest::on_postgres(2)).await.expect("applied");
    demo.until_settled().await;
    let superuser = Person::superuser(&namespace).await.expect("an administrator may");
    superuser.put("db/password", "correct horse").await.expect("put");
    let load = Load::start(&namespace, None).await.expect("started");
    load.until_answered(100).await.expect("answered");
    let report = load.stop().await.expect("stopped");
    assert!(report.is_clean(), "{report:?}");
    postgres.back_up().await.expect("copied");
    let before = root_key(&demo).await;

    // Without its tables the store is no store.
    postgres.empty().await.expect("emptied");
    demo.until_condition("StoreReachable", "False", "Unreachable").await;
    demo.until_condition("Ready", "False", "StoreUnreachable").await;

    // With new ones, as an administrator in a hurry would have them made, it isn't this cluster's.
    namespace.kubectl(&["delete", "job", "-l", "spike.ist/cluster=demo"]).await.expect("deleted");
    demo.until_condition("Stalled", "True", "KeyRingMissing").await;
    refuses_everything(&superuser).await;

    // Who starts now never saw the ring.
    let restart = ["delete", "pod", "-l", "app.kubernetes.io/component=nexus"];
    namespace.kubectl(&restart).await.expect("deleted");
    until("both new Nexus find no ring", async || {
        let nexus = demo.pods("nexus").await.unwrap_or_default();
        let mut sealed = 0;
        for pod in &nexus {
            sealed += usize::from(says(&namespace, pod, "not_bootstrapped").await);
        }
        (nexus.len(), sealed) == (2, 2)
    })
    .await;
    demo.until("that is missed, and nobody has the key", |cluster| {
        let stalled = condition(cluster, "Stalled");
        let missed = stalled.is_some_and(|found| {
            found.reason == "KeyRingMissing" && found.message.contains("from its backup")
        });
        let nexus = cluster.status.as_ref().and_then(|status| status.nexus.as_ref());
        missed && nexus.is_some_and(|nexus| nexus.unsealed == 0 && nexus.ready == 0)
    })
    .await;
    let documents = postgres.execute("SELECT count(*) FROM spike.documents").await.expect("asked");
    assert_eq!(documents, "0", "nobody made a key ring");
    let jobs = namespace.kubectl(&["get", "job", "-o", "name"]).await.expect("listed");
    assert!(jobs.contains("-schema-") && !jobs.contains("-bootstrap-"), "{jobs}");

    postgres.restore().await.expect("restored");
    demo.until_settled().await;
    assert_eq!(root_key(&demo).await, before);
    assert_eq!(superuser.get("db/password").await.expect("got"), "correct horse");
    assert_eq!(load.check().await.expect("checked"), Vec::<String>::new());
    namespace.delete().await.expect("deleted");
}

/// Neither is a secret missing that is lost, nor is anything acknowledged that would be.
async fn refuses_everything(superuser: &Person<'_>) {
    let refused = [
        superuser.get("db/password").await.map(drop),
        superuser.put("db/password", "battery staple").await,
        superuser.must(&["secret", "list"]).await.map(drop),
    ];
    for refused in refused {
        let why = refused.expect_err("the store isn't its own").to_string();
        assert!(why.contains("not ready"), "{why}");
    }
}

/// Whether a Nexus says this of itself, to whoever asks.
async fn says(namespace: &Namespace, pod: &str, code: &str) -> bool {
    let pod = pod.replacen("pod/", "pods/", 1);
    let (home, probes) = (&namespace.name, port::NEXUS_PROBES);
    let path = format!("/api/v1/namespaces/{home}/{pod}:{probes}/proxy/statusz");
    let said = namespace.kubectl(&["get", "--raw", &path]).await;
    said.is_ok_and(|said| said.contains(&format!(r#""code":"{code}""#)))
}

/// The cluster's id and the set of its shards.
async fn root_key(demo: &Demo<'_>) -> (String, Option<String>) {
    let status = demo.get().await.expect("got").status.expect("a status");
    let root = status.root_key.expect("a root key");
    (root.cluster_id, root.set_id)
}
