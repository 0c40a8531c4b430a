//! A Keeper that is deleted has its shard again within seconds, and no request fails.

use std::time::Duration;

use kube::ResourceExt;
use spike_testbed_kubernetes::{
    Manifest, Namespace, Scene,
    pods::{KEEPER, pods, serves},
    until,
};
use tokio::time::Instant;

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn a_deleted_keeper_has_its_shard_again_and_no_request_fails() {
    let namespace = Namespace::create("keeper-deleted").await.expect("created");
    let scene = Scene::begin(&namespace, &Manifest::on_sqlite(), None).await.expect("it serves");

    let mut slowest = Duration::ZERO;
    for place in 0..3 {
        let name = format!("spike-demo-keeper-{place}");
        let before = uid(&namespace, &name).await;
        let since = Instant::now();
        namespace.kubectl(&["delete", "pod", &name]).await.expect("deleted");
        until("another one has its shard", async || {
            let now = uid(&namespace, &name).await;
            now.is_some() && now != before
        })
        .await;
        slowest = slowest.max(since.elapsed());
    }
    eprintln!("a Keeper has its shard again after {slowest:.1?} at most");
    scene.end_unnoticed("three Keepers deleted, one after the other", 2).await.expect("unnoticed");
    namespace.delete().await.expect("deleted");
}

/// Which pod of this name holds a shard.
async fn uid(namespace: &Namespace, name: &str) -> Option<String> {
    let all = pods(namespace, KEEPER).await.ok()?;
    all.iter().find(|pod| pod.name_any() == name && serves(pod))?.uid()
}
