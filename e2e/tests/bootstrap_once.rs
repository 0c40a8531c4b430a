//! P5: whatever happens during bootstrap, there is one root key.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::print_stdout, reason = "a test may")]

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use spike_e2e::{Cluster, Options};
use tokio::time::sleep;

#[tokio::test(flavor = "multi_thread")]
async fn of_many_bootstraps_at_once_all_end_well_and_one_made_the_key() {
    let mut cluster = Cluster::prepare(Options::default()).await.expect("a cluster");
    cluster.start_keepers().await.expect("empty Keepers");
    let outcomes = join_all((0..6).map(|_| cluster.run_bootstrap())).await;
    for outcome in outcomes {
        let out = outcome.expect("ran");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    cluster.bootstrap().await.expect("once more changes nothing");
    cluster.nexus.start().await.expect("started");
    cluster.nexus.ready().await.expect("ready");
    let caller = cluster.caller("superuser").await.expect("a caller");
    let url = format!("{}/v1/store/secrets", cluster.nexus_url());
    let answer = caller.post(&url, json!({ "path": "a", "values": { "k": "v" } })).await;
    assert_eq!(answer.expect("an answer").status, 200);
    for keeper in &mut cluster.keepers {
        keeper.ready().await.expect("holds its committed shard");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_without_all_keepers_makes_nothing_and_can_be_run_again() {
    let mut cluster = Cluster::prepare(Options::default()).await.expect("a cluster");
    cluster.keepers[0].start().await.expect("an empty Keeper");
    cluster.keepers[1].start().await.expect("an empty Keeper");
    let out = cluster.run_bootstrap().await.expect("ran");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success(), "bootstrapped with 2 of 3 Keepers");
    let missing = format!(":{}", cluster.keepers[2].port);
    assert!(said.contains(&missing), "the missing Keeper {missing} isn't named: {said}");

    cluster.keepers[2].start().await.expect("an empty Keeper");
    cluster.bootstrap().await.expect("the next attempt");
    cluster.nexus.start().await.expect("started");
    cluster.nexus.ready().await.expect("ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_killed_at_any_moment_can_be_run_again() {
    for after in [5, 20, 60, 120, 250] {
        let mut cluster = Cluster::prepare(Options::default()).await.expect("a cluster");
        cluster.start_keepers().await.expect("empty Keepers");
        tokio::select! {
            _ = cluster.run_bootstrap() => {}
            () = sleep(Duration::from_millis(after)) => {}
        }
        cluster.bootstrap().await.unwrap_or_else(|e| panic!("killed after {after} ms: {e}"));
        cluster.nexus.start().await.expect("started");
        cluster.nexus.ready().await.expect("ready");
    }
}
