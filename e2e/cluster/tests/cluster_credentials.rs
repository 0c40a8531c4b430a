//! The store's password changes as often as somebody wants, and no request and no pod notices.

use spike_testbed_kubernetes::{Demo, Load, Manifest, Namespace, Postgres, until};

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn another_password_costs_no_request_and_no_restart() {
    let namespace = Namespace::create("credentials").await.expect("created");
    let postgres = Postgres::start(&namespace, None).await.expect("started");
    let demo = Demo::apply(&namespace, &Manifest::on_postgres(2)).await.expect("applied");
    demo.until_settled().await;
    let load = Load::start(&namespace, None).await.expect("started");
    let before = containers(&namespace).await;

    let since = "SELECT count(*) FROM pg_stat_activity \
                 WHERE usename = 'spike_nexus' AND backend_start < now()";
    let connections = postgres.execute(since).await.expect("asked");
    assert_ne!(connections, "0");
    let now = postgres.execute("SELECT now()").await.expect("asked");
    postgres.rotate("correct horse").await.expect("rotated");
    let old = format!("{since} AND backend_start < '{now}'");
    until("no connection is left that was opened with the old password", async || {
        postgres.execute(&old).await.is_ok_and(|left| left == "0")
    })
    .await;

    load.until_answered(100).await.expect("answered");
    let report = load.stop().await.expect("stopped");
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(load.check().await.expect("checked"), Vec::<String>::new());
    assert_eq!(containers(&namespace).await, before, "no container was started anew");
    namespace.delete().await.expect("deleted");
}

/// Every pod of the cluster, with the start of its container.
async fn containers(namespace: &Namespace) -> String {
    let start = ".status.containerStatuses[*].state.running.startedAt";
    let each = format!("-o=jsonpath={{range .items[*]}}{{.metadata.name}} {{{start}}}\n{{end}}");
    let part = "-l=spike.ist/cluster=demo,app.kubernetes.io/component in (nexus,keeper)";
    namespace.kubectl(&["get", "pods", part, &each]).await.expect("listed")
}
