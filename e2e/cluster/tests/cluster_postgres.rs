//! Several Nexus share one PostgreSQL: each serves what any of them was told, and none is missed.

use spike_testbed_kubernetes::{Demo, Load, Manifest, Namespace, Person, Postgres};

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn what_one_nexus_writes_every_other_reads() {
    let namespace = Namespace::create("postgres").await.expect("created");
    Postgres::start(&namespace, None).await.expect("started");
    let demo = Demo::apply(&namespace, &Manifest::on_postgres(3)).await.expect("applied");
    demo.until_settled().await;

    let nexus = demo.pods("nexus").await.expect("listed");
    assert_eq!(nexus.len(), 3);
    let superuser = Person::superuser(&namespace).await.expect("an administrator may");
    superuser.put("db/password", "correct horse").await.expect("put");
    for pod in &nexus {
        assert_eq!(superuser.get_at(pod, "db/password").await.expect("got"), "correct horse");
    }

    let load = Load::start(&namespace, None).await.expect("started");
    load.until_answered(100).await.expect("answered");
    let report = load.stop().await.expect("stopped");
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(load.check().await.expect("checked"), Vec::<String>::new());
    namespace.delete().await.expect("deleted");
}
