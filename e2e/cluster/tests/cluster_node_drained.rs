//! A node is drained while clients ask: what ran on it moves, one after the other, and nobody notices.

use spike_testbed_kubernetes::{
    Manifest, Namespace, Postgres, Scene,
    pods::{KEEPER, node, nodes, pods},
};

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn a_node_is_drained_and_no_request_fails() {
    let namespace = Namespace::create("drained").await.expect("created");
    let [stays, goes] = &nodes(&namespace).await.expect("listed")[..] else { panic!("two nodes") };
    Postgres::start(&namespace, Some(stays)).await.expect("PostgreSQL runs");
    let manifest = Manifest::on_postgres(2);
    let scene = Scene::begin(&namespace, &manifest, Some(stays)).await.expect("it serves");

    // By force: pods without a controller may be left there by tests that failed.
    let drain = "--ignore-daemonsets --delete-emptydir-data --force --timeout=180s";
    let drain = [&["drain", goes.as_str()], &drain.split(' ').collect::<Vec<_>>()[..]].concat();
    let drained = namespace.administer(&drain).await;
    if let Err(why) = drained {
        panic!("{why}\n{}", scene.demo.look().await);
    }
    eprintln!("the drain took {:.1?}", scene.elapsed());
    let left = pods(&namespace, KEEPER).await.expect("listed");
    assert!(left.iter().all(|pod| node(pod) != Some(goes)), "no Keeper is on it");
    namespace.administer(&["uncordon", goes]).await.expect("uncordoned");
    scene.demo.until_settled().await;

    // What was drained was one Keeper, or one of two with time for the other to be hydrated.
    scene.end_unnoticed("a node drained", 2).await.expect("unnoticed");
    namespace.delete().await.expect("deleted");
}
