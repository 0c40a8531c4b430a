//! P2 and P5: Keepers come and go, and the root key stays what it was.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::print_stdout, reason = "a test may")]

use std::time::Duration;

use serde_json::{Value, json};
use spike_e2e::{Caller, Cluster, Options, until};

async fn put(caller: &Caller, cluster: &Cluster, path: &str, value: &str) -> u16 {
    let url = format!("{}/v1/store/secrets", cluster.nexus_url());
    let body = json!({ "path": path, "values": { "v": value } });
    caller.post(&url, body).await.map_or(0, |answer| answer.status)
}

async fn get(caller: &Caller, cluster: &Cluster, path: &str) -> (u16, Value) {
    let url = format!("{}/v1/store/secrets?action=get", cluster.nexus_url());
    match caller.post(&url, json!({ "path": path })).await {
        Ok(answer) => (answer.status, answer.json()),
        Err(_) => (0, Value::Null),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_keeper_is_whole_again_and_no_request_notices() {
    let mut cluster = Cluster::start(Options::default()).await.expect("a cluster");
    let caller = cluster.caller("superuser").await.expect("a caller");
    assert_eq!(put(&caller, &cluster, "a", "1").await, 200);

    cluster.keepers[1].kill().await.expect("killed");
    cluster.keepers[1].start().await.expect("an empty Keeper");
    let mut requests = 0;
    while cluster.keepers[1].probe("/readyz").await.is_none_or(|(status, _)| status != 200) {
        assert_eq!(get(&caller, &cluster, "a").await.0, 200);
        assert_eq!(put(&caller, &cluster, "b", "2").await, 200);
        requests += 2;
        assert!(requests < 20_000, "never rehydrated: {}", cluster.nexus.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_keeper_shows_in_the_metrics_until_it_is_whole_again() {
    let mut cluster = Cluster::start(Options::default()).await.expect("a cluster");
    let shows = async |cluster: &Cluster, line: &str| {
        let (_, body) = cluster.nexus.probe("/metrics").await.expect("metrics");
        body.lines().any(|shown| shown == line)
    };
    let (up, down) = (r#"spike_keeper_up{index="2"} 1"#, r#"spike_keeper_up{index="2"} 0"#);
    until("all Keepers are up", || shows(&cluster, up)).await;
    cluster.keepers[1].kill().await.expect("killed");
    until("one is down", || shows(&cluster, down)).await;
    cluster.keepers[1].start().await.expect("an empty Keeper");
    until("it is whole again", || shows(&cluster, up)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_nexus_waits_for_a_threshold_of_keepers_and_says_so() {
    let mut cluster = Cluster::start(Options::default()).await.expect("a cluster");
    let caller = cluster.caller("superuser").await.expect("a caller");
    assert_eq!(put(&caller, &cluster, "a", "1").await, 200);

    cluster.nexus.kill().await.expect("killed");
    cluster.keepers[0].kill().await.expect("killed");
    cluster.keepers[2].kill().await.expect("killed");
    cluster.nexus.start().await.expect("a sealed Nexus");
    let (status, body) = get(&caller, &cluster, "a").await;
    assert_eq!((status, &body["err"]), (503, &json!("state_not_ready")));
    until("Nexus says how many shards it has", || async {
        let (status, reason) = cluster.nexus.probe("/readyz").await.expect("probes answer");
        assert_eq!(status, 503);
        reason.contains("not_enough_keepers") && reason.contains("1 of 2 shards")
    })
    .await;

    // Both come back empty: with one of three shards in memory nothing may be served or made up.
    cluster.keepers[0].start().await.expect("an empty Keeper");
    cluster.keepers[2].start().await.expect("an empty Keeper");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(get(&caller, &cluster, "a").await.0, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_threshold_of_keepers_brings_a_restarted_nexus_back() {
    let mut cluster = Cluster::start(Options::default()).await.expect("a cluster");
    let caller = cluster.caller("superuser").await.expect("a caller");
    assert_eq!(put(&caller, &cluster, "a", "1").await, 200);
    for lost in 0..3 {
        cluster.nexus.kill().await.expect("killed");
        cluster.keepers[lost].kill().await.expect("killed");
        cluster.nexus.start().await.expect("started");
        cluster.nexus.ready().await.expect("two Keepers are enough");
        let (status, body) = get(&caller, &cluster, "a").await;
        assert_eq!((status, &body["data"]["v"]), (200, &json!("1")), "without Keeper {lost}");
        cluster.keepers[lost].start().await.expect("an empty Keeper");
        cluster.keepers[lost].ready().await.expect("rehydrated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_of_another_cluster_is_named_and_not_used() {
    let mut cluster = Cluster::start(Options::default()).await.expect("a cluster");
    let caller = cluster.caller("superuser").await.expect("a caller");
    assert_eq!(put(&caller, &cluster, "a", "1").await, 200);
    // The ring is lost and made anew elsewhere: the Keepers still hold the old cluster's shards.
    cluster.nexus.kill().await.expect("killed");
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(cluster.folder().join(format!("spike.db{ending}")));
    }
    let out = cluster.run_bootstrap().await.expect("ran");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success(), "re-keyed over living shards: {said}");
    assert!(said.contains("store_lost_ring"), "{said}");

    cluster.nexus.start().await.expect("a sealed Nexus");
    until("Nexus says why it is sealed", || async {
        cluster.nexus.probe("/readyz").await.is_some_and(|(status, _)| status == 503)
    })
    .await;
    assert_eq!(get(&caller, &cluster, "a").await.0, 503);
}
