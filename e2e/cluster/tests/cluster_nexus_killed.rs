//! All Nexus end at once: they get the root key from the Keepers again, by themselves.

use spike_testbed_kubernetes::{
    Manifest, Namespace, Postgres, Scene,
    pods::{NEXUS, pods, serves},
    until,
};
use tokio::time::Instant;

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn all_nexus_come_back_by_themselves() {
    let namespace = Namespace::create("nexus-killed").await.expect("created");
    Postgres::start(&namespace, None).await.expect("PostgreSQL runs");
    let manifest = Manifest::on_postgres(2);
    let scene = Scene::begin(&namespace, &manifest, None).await.expect("it serves");

    let nexus = "delete pod -l app.kubernetes.io/component=nexus --grace-period=0 --force";
    namespace.kubectl(&nexus.split(' ').collect::<Vec<_>>()).await.expect("deleted");
    let killed = Instant::now();
    until("two others serve", async || {
        let all = pods(&namespace, NEXUS).await.unwrap_or_default();
        all.iter().filter(|pod| serves(pod)).count() == 2
    })
    .await;
    eprintln!("two Nexus serve again after {:.1?}", killed.elapsed());
    scene.demo.until_settled().await;

    let (report, least) = scene.end("all Nexus killed").await.expect("nothing is lost");
    assert_eq!((least.keepers, least.nexus), (3, 0), "the Keepers weren't touched");
    assert!(report.failed.is_empty(), "clients that ask again are answered: {report:?}");
    namespace.delete().await.expect("deleted");
}
