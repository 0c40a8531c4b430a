//! A node whose Keepers are enough to rebuild the root key is named, until no node has so many.

use serde_json::json;
use spike_testbed_kubernetes::{
    Demo, Manifest, Namespace, condition,
    pods::{KEEPER, node, nodes, pods},
};

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn a_node_with_a_quorum_of_keepers_is_named() {
    let namespace = Namespace::create("quorum").await.expect("created");
    let nodes = nodes(&namespace).await.expect("listed");
    assert_eq!(nodes.len(), 2);
    let demo = Demo::apply(&namespace, &Manifest::on_sqlite()).await.expect("applied");
    demo.until_condition("QuorumHealthy", "False", "NodeHoldsQuorum").await;
    let keepers = pods(&namespace, KEEPER).await.expect("listed");
    let on = |name: &str| keepers.iter().filter(|pod| node(pod) == Some(name)).count();
    let counts: Vec<_> = nodes.iter().map(|name| on(name)).collect();
    assert!(counts == [1, 2] || counts == [2, 1], "they are spread: {counts:?}");
    let holder = nodes.iter().find(|name| on(name) == 2).expect("one of them");
    let said = demo.get().await.expect("it is there");
    let said = condition(&said, "QuorumHealthy").expect("told").message.clone();
    assert!(said.contains(holder.as_str()), "{said}");
    demo.until_settled().await;

    // Five on two nodes, of which four are needed: neither has enough.
    let shamir = json!({ "shares": 5, "threshold": 4, "generation": 2 });
    let patch = format!("--patch={}", json!({ "spec": { "shamir": shamir } }));
    let patch = ["patch", "spikecluster/demo", "--type=merge", &patch];
    namespace.kubectl(&patch).await.expect("patched");
    demo.until_condition("QuorumHealthy", "True", "AllShardsHeld").await;
    namespace.delete().await.expect("deleted");
}
