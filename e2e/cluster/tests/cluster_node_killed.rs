//! A node loses its power while clients ask: for as long as Kubernetes leads them to a dead replica some
//! have to ask again, every acknowledged write is there, and all heals by itself.

use serde_json::json;
use spike_testbed_kubernetes::{
    Manifest, Namespace, Postgres, Scene, kill_node,
    pods::{KEEPER, NEXUS, node, nodes, pods, serves},
    start_node, until,
};

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn a_killed_node_costs_seconds_and_no_acknowledged_write() {
    let namespace = Namespace::create("killed").await.expect("created");
    let [lives, dies] = &nodes(&namespace).await.expect("listed")[..] else { panic!("two nodes") };
    Postgres::start(&namespace, Some(lives)).await.expect("PostgreSQL runs");
    // With two nodes Keepers must be allowed to be together, or those of a dead node have no place.
    let spread = json!({ "spread": { "whenUnsatisfiable": "ScheduleAnyway" } });
    let manifest = Manifest::on_postgres(2).with(&json!({ "spec": { "keeper": spread } }));
    let scene = Scene::begin(&namespace, &manifest, Some(lives)).await.expect("it serves");

    kill_node(dies).await.expect("killed");
    until("two Nexus serve on the other node", async || {
        let all = pods(&namespace, NEXUS).await.unwrap_or_default();
        all.iter().filter(|pod| serves(pod) && node(pod) == Some(lives)).count() == 2
    })
    .await;
    eprintln!("two Nexus serve again after {:.1?}", scene.elapsed());
    until("every Keeper has its shard on the other node", async || {
        let all = pods(&namespace, KEEPER).await.unwrap_or_default();
        all.iter().filter(|pod| serves(pod) && node(pod) == Some(lives)).count() == 3
    })
    .await;
    eprintln!("three Keepers have their shards again after {:.1?}", scene.elapsed());
    scene.demo.until_condition("QuorumHealthy", "False", "NodeHoldsQuorum").await;
    start_node(dies).await.expect("started");
    scene.demo.until_settled().await;

    let (report, least) = scene.end("a node killed").await.expect("nothing is lost");
    assert!(least.nexus >= 1 && least.keepers >= 1, "{least:?}");
    // A request is repeated for longer than a client waits for a dead connection.
    assert!(report.failed.is_empty(), "{report:?}");
    namespace.delete().await.expect("deleted");
}
