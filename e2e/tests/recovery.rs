//! Everything loses power at once, and people bring it back with recovery shards.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::print_stdout, reason = "a test may")]

use spike_e2e::{Cluster, Options};

#[tokio::test(flavor = "multi_thread")]
async fn recovery_shards_bring_back_what_a_power_cut_took() {
    let mut cluster = Cluster::start(Options::default()).await.expect("a cluster");
    cluster.told("superuser", &["secret", "put", "a", "k=before"], 0).await;
    cluster.told("superuser", &["operator", "recover"], 3).await;
    cluster.told("recover", &["operator", "recover", "--dir", "shards"], 0).await;
    let refused = cluster.told("recover", &["operator", "recover", "--dir", "shards"], 5).await;
    assert!(refused.contains("spike.recovery.1.txt"), "{refused}");
    let (first, third) = ("shards/spike.recovery.1.txt", "shards/spike.recovery.3.txt");
    cluster.told("restore", &["operator", "restore", first, third], 5).await;

    cluster.lose_power().await.expect("started again");
    cluster.told("superuser", &["secret", "get", "a"], 6).await;
    cluster.told("superuser", &["operator", "restore", first, third], 3).await;
    cluster.told("restore", &["operator", "restore", first], 1).await;
    cluster.told("restore", &["operator", "restore", first, first], 2).await;
    cluster.told("superuser", &["secret", "get", "a"], 6).await;
    cluster.told("restore", &["operator", "restore", third, first], 0).await;
    let read = cluster.told("superuser", &["secret", "get", "a", "k"], 0).await;
    assert_eq!(read.trim(), "before");
    for keeper in &mut cluster.keepers {
        keeper.ready().await.expect("holds its shard again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_of_another_cluster_change_nothing() {
    let mut cluster = Cluster::start(Options::default()).await.expect("a cluster");
    let other = Cluster::start(Options::default()).await.expect("another cluster");
    cluster.told("recover", &["operator", "recover", "--dir", "ours"], 0).await;
    other.told("recover", &["operator", "recover", "--dir", "theirs"], 0).await;
    let foreign = other.folder().join("theirs/spike.recovery.2.txt");
    let foreign = foreign.to_str().expect("text");

    cluster.lose_power().await.expect("started again");
    let ours = |i: u8| format!("ours/spike.recovery.{i}.txt");
    let refused = ["operator", "restore", &ours(1), foreign];
    let said = cluster.told("restore", &refused, 1).await;
    assert!(said.contains('2'), "it doesn't name the wrong shard: {said}");
    cluster.told("restore", &["operator", "restore", &ours(2), &ours(3)], 0).await;
}
