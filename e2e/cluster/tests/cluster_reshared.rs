//! The root key is shared among five Keepers instead of three, and among three again, while clients ask.

use serde_json::json;
use spike_testbed_kubernetes::{
    Demo, Manifest, Namespace, Postgres, Scene,
    pods::{KEEPER, pods, serves},
    until,
};
use tokio::time::Instant;

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn three_keepers_become_five_and_three_again_and_no_request_fails() {
    let namespace = Namespace::create("reshared").await.expect("created");
    Postgres::start(&namespace, None).await.expect("PostgreSQL runs");
    let manifest = Manifest::on_postgres(2);
    let scene = Scene::begin(&namespace, &manifest, None).await.expect("it serves");

    for (shares, threshold, generation) in [(5, 3, 2), (3, 2, 3)] {
        let since = Instant::now();
        let shamir = json!({ "shares": shares, "threshold": threshold, "generation": generation });
        scene.change(&json!({ "spec": { "shamir": shamir } })).await.expect("patched");
        scene.demo.until_settled().await;
        scene.demo.until_condition("ShamirConsistent", "True", "AsSpecified").await;
        until(&format!("there are {shares} Keepers and no others"), async || {
            let keepers = pods(&namespace, KEEPER).await.unwrap_or_default();
            keepers.len() == shares && keepers.iter().all(serves)
        })
        .await;
        assert_eq!(shards(&scene.demo).await, format!("{shares}/{shares}"));
        eprintln!("{threshold} of {shares} after {:.1?}", since.elapsed());
    }
    scene.end_unnoticed("3 shares to 5 and back", 3).await.expect("unnoticed");
    namespace.delete().await.expect("deleted");
}

async fn shards(demo: &Demo<'_>) -> String {
    demo.get().await.expect("it is there").status.and_then(|status| status.shards).expect("told")
}
