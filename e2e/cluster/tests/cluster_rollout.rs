//! A new image is rolled out to Nexus and Keepers while clients ask: none of them notices, and the
//! quorum is never at stake.

use spike_testbed_kubernetes::{
    IMAGE, Manifest, Namespace, PREVIOUS, Postgres, Scene, of_image,
    pods::{KEEPER, NEXUS, image, pods},
};

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn a_new_image_is_rolled_out_and_no_request_fails() {
    let namespace = Namespace::create("rollout").await.expect("created");
    Postgres::start(&namespace, None).await.expect("PostgreSQL runs");
    let manifest = Manifest::on_postgres(2).with(&of_image(PREVIOUS));
    let scene = Scene::begin(&namespace, &manifest, None).await.expect("it serves");

    scene.change(&of_image(IMAGE)).await.expect("patched");
    scene.demo.until_settled().await;
    scene.demo.until_condition("RolloutComplete", "True", "UpToDate").await;
    for (part, wanted) in [(NEXUS, 2), (KEEPER, 3)] {
        let pods = pods(&namespace, part).await.expect("listed");
        let images: Vec<_> = pods.iter().filter_map(image).collect();
        assert_eq!(images, vec![IMAGE; wanted], "{part}");
    }
    scene.end_unnoticed("a new image", 2).await.expect("unnoticed");
    namespace.delete().await.expect("deleted");
}
