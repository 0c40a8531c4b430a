//! P5 and P10 with several Nexus on one PostgreSQL: a backup is put back under all of them, while they
//! re-share and give out recovery shards, and two people accept it at once.

#![allow(clippy::indexing_slicing, reason = "a test may panic")]

use std::time::Duration;

use spike_core::wire::v2::{
    escrow::{DrillRequest, RecoverRequest, RecoverResponse},
    keys::EnsureRequest,
    operator::RecoveryShard,
};
use spike_e2e::{
    stage::{Scene, Stage},
    until,
};
use tokio::time::sleep;

const TABLES: [&str; 4] = ["epochs", "heads", "records", "documents"];

const fn wanted(new_set: bool) -> RecoverRequest {
    RecoverRequest { new_set, recipients: Vec::new() }
}

/// A copy of everything, for [`put_back`].
async fn keep(stage: &Stage) {
    let copy = |table| format!("CREATE TABLE kept.{table} AS TABLE spike.{table};");
    let copies: String = TABLES.into_iter().map(copy).collect();
    stage.server.execute(format!("CREATE SCHEMA kept; {copies}")).await.expect("kept");
}

/// As a backup is restored by one who doesn't stop anything.
async fn put_back(stage: &Stage) {
    let back =
        |table| format!("DELETE FROM spike.{table}; INSERT INTO spike.{table} TABLE kept.{table};");
    let back: String = TABLES.into_iter().map(back).collect();
    let alone = "LOCK TABLE spike.epochs; SET LOCAL session_replication_role = replica";
    stage.server.execute(format!("BEGIN; {alone}; {back} COMMIT")).await.expect("put back");
}

/// What a restore takes of a set: as many shards as it needs.
fn enough(given: &RecoverResponse) -> DrillRequest {
    let shard = |shard: &spike_core::wire::v2::escrow::RecoveredShard| RecoveryShard {
        index: shard.index,
        shard: shard.shard.as_ref().expect("in plain").as_slice().to_vec().into(),
    };
    DrillRequest { shards: given.shards.iter().take(given.threshold.into()).map(shard).collect() }
}

async fn all_ready(stage: &Stage) -> bool {
    for nexus in stage.cluster.replicas() {
        let said = nexus.probe("/readyz").await;
        if !said.is_some_and(|(_, text)| text.contains(r#""status":"ready""#)) {
            return false;
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_put_back_under_three_nexus_is_accepted_once_and_nothing_of_it_is_made_twice() {
    let scene = Scene { replicas: 3, ..Scene::default() };
    let mut stage = Stage::start(scene).await.expect("three Nexus");
    let operators = stage.cluster.clients("operator").await.expect("clients");
    let recover = stage.cluster.clients("recover").await.expect("clients");
    let restore = stage.cluster.clients("restore").await.expect("clients");
    let first = recover[0].recover(&wanted(false)).await.expect("a first set");
    keep(&stage).await;
    let mut lost = Vec::new();
    for round in 0..3_u64 {
        let wish = EnsureRequest { generation: 10 + round, shares: 3, threshold: 3, expect: None };
        operators[0].ensure_keys(&wish).await.expect("claimed");
        lost.push(recover[1].recover(&wanted(true)).await.expect("a set that will be lost"));
        // Before the claim is put, in between, and when it has settled.
        sleep(Duration::from_millis(round * 1_500)).await;
        put_back(&stage).await;
        let refused = async || !all_ready(&stage).await;
        until("it is refused", refused).await;

        let accepted = futures::future::join_all(
            [&restore[0], &restore[2]].map(|nexus| nexus.accept_rollback()),
        );
        let accepted = accepted.await;
        assert!(accepted.iter().any(Result::is_ok), "{accepted:?}");
        stage.cluster.nexus.kill().await.expect("killed");
        stage.cluster.nexus.start().await.expect("started");
        until("all are well", async || {
            let keys = operators[1].keys().await;
            keys.is_ok_and(|keys| keys.pending.is_none() && keys.previous.is_none())
                && all_ready(&stage).await
        })
        .await;
    }
    let next = recover[0].recover(&wanted(true)).await.expect("the next set");
    assert!(lost.iter().all(|lost| lost.set < next.set), "{} was used before", next.set);
    for old in lost.iter().chain([&first]) {
        assert!(!restore[1].drill(&enough(old)).await.expect("tried").restores, "{}", old.set);
    }
    assert!(restore[1].drill(&enough(&next)).await.expect("tried").restores);
    for nexus in stage.cluster.replicas_mut() {
        nexus.kill().await.expect("killed");
    }
    for nexus in stage.cluster.replicas_mut() {
        nexus.start().await.expect("started");
        nexus.ready().await.expect("open from the Keepers alone");
    }
}
