//! An image that is no good costs nobody anything: those that serve go on, it is said which pod doesn't
//! come up and why, and another image goes on at once.

use serde_json::json;
use spike_testbed_kubernetes::{
    IMAGE, MUTE, Manifest, Namespace, PREVIOUS, Postgres, Scene, condition, of_image,
    pods::{KEEPER, image, pods},
};

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn a_bad_image_is_named_and_left_and_no_request_fails() {
    let namespace = Namespace::create("bad-image").await.expect("created");
    Postgres::start(&namespace, None).await.expect("PostgreSQL runs");
    let rollout = json!({ "spec": { "rollout": { "hydrationTimeout": "20s" } } });
    let manifest = Manifest::on_postgres(2).with(&rollout).with(&of_image(PREVIOUS));
    let scene = Scene::begin(&namespace, &manifest, None).await.expect("it serves");

    // One that no node has: it doesn't get as far as a pod that serves or holds a shard.
    let nowhere = "ghcr.io/spike-rs/spike:nowhere";
    scene.change(&of_image(nowhere)).await.expect("patched");
    let names_it = |text: &str| text.contains("doesn't get the image") && text.contains(nowhere);
    let says = |kind| {
        move |cluster: &_| condition(cluster, kind).is_some_and(|found| names_it(&found.message))
    };
    scene.demo.until("it says that the image isn't there", says("Reconciling")).await;

    // One whose Keeper runs and does nothing: the first pod of it is the last.
    scene.change(&of_image(MUTE)).await.expect("patched");
    scene.demo.until_condition("RolloutComplete", "False", "HydrationTimeout").await;
    scene.demo.until_settled().await;
    assert_eq!(images(&namespace).await, [PREVIOUS; 3], "the last good one is back");

    scene.change(&of_image(IMAGE)).await.expect("patched");
    scene.demo.until_settled().await;
    scene.demo.until_condition("RolloutComplete", "True", "UpToDate").await;
    assert_eq!(images(&namespace).await, [IMAGE; 3]);
    scene.end_unnoticed("two bad images and a good one", 2).await.expect("unnoticed");
    namespace.delete().await.expect("deleted");
}

/// What Keepers run.
async fn images(namespace: &Namespace) -> Vec<String> {
    let pods = pods(namespace, KEEPER).await.expect("listed");
    pods.iter().filter_map(|pod| image(pod).map(ToOwned::to_owned)).collect()
}
