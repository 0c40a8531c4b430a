//! Everything loses power at once, and people bring it back with recovery shards.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::print_stdout, reason = "a test may")]

use spike_e2e::{Cluster, Options};

async fn spike(cluster: &Cluster, who: &str, args: &[&str], exit: i32) -> String {
    let out = cluster.spike(who, args).await.expect("spike runs");
    let said =
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert_eq!(out.status.code(), Some(exit), "{who}: spike {}: {said}", args.join(" "));
    said
}

async fn lose_power(cluster: &mut Cluster) {
    cluster.power_cut().await.expect("killed");
    cluster.start_keepers().await.expect("empty Keepers");
    cluster.nexus.start().await.expect("a sealed Nexus");
}

#[tokio::test(flavor = "multi_thread")]
async fn recovery_shards_bring_back_what_a_power_cut_took() {
    let mut cluster = Cluster::start(Options::default()).await.expect("a cluster");
    spike(&cluster, "superuser", &["secret", "put", "a", "k=before"], 0).await;
    spike(&cluster, "superuser", &["operator", "recover"], 3).await;
    spike(&cluster, "recover", &["operator", "recover", "--dir", "shards"], 0).await;
    let refused = spike(&cluster, "recover", &["operator", "recover", "--dir", "shards"], 5).await;
    assert!(refused.contains("spike.recovery.1.txt"), "{refused}");
    let (first, third) = ("shards/spike.recovery.1.txt", "shards/spike.recovery.3.txt");
    spike(&cluster, "restore", &["operator", "restore", first, third], 5).await;

    lose_power(&mut cluster).await;
    spike(&cluster, "superuser", &["secret", "get", "a"], 6).await;
    spike(&cluster, "superuser", &["operator", "restore", first, third], 3).await;
    spike(&cluster, "restore", &["operator", "restore", first], 1).await;
    spike(&cluster, "restore", &["operator", "restore", first, first], 2).await;
    spike(&cluster, "superuser", &["secret", "get", "a"], 6).await;
    spike(&cluster, "restore", &["operator", "restore", third, first], 0).await;
    let read = spike(&cluster, "superuser", &["secret", "get", "a", "k"], 0).await;
    assert_eq!(read.trim(), "before");
    for keeper in &mut cluster.keepers {
        keeper.ready().await.expect("holds its shard again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_of_another_cluster_change_nothing() {
    let mut cluster = Cluster::start(Options::default()).await.expect("a cluster");
    let other = Cluster::start(Options::default()).await.expect("another cluster");
    spike(&cluster, "recover", &["operator", "recover", "--dir", "ours"], 0).await;
    spike(&other, "recover", &["operator", "recover", "--dir", "theirs"], 0).await;
    let foreign = other.folder().join("theirs/spike.recovery.2.txt");
    let foreign = foreign.to_str().expect("text");

    lose_power(&mut cluster).await;
    let ours = |i: u8| format!("ours/spike.recovery.{i}.txt");
    let refused = ["operator", "restore", &ours(1), foreign];
    let said = spike(&cluster, "restore", &refused, 1).await;
    assert!(said.contains('2'), "it doesn't name the wrong shard: {said}");
    spike(&cluster, "restore", &["operator", "restore", &ours(2), &ours(3)], 0).await;
}
