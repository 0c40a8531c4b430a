//! P1 and P5 with several Nexus: a re-share is everybody's, and no request on any of them notices.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::print_stdout, reason = "a test may")]

use std::{sync::Arc, time::Duration};

use spike_client::NexusClient;
use spike_core::wire::v2::keys::{EnsureRequest, KeysResponse};
use spike_e2e::{
    aftermath::Aftermath,
    load::Load,
    stage::{Scene, Stage},
    until,
};
use tokio::time::sleep;

async fn three() -> Stage {
    Stage::start(Scene { replicas: 3, ..Scene::default() }).await.expect("three Nexus")
}

const fn wish(generation: u64, shares: u64, threshold: u64) -> EnsureRequest {
    EnsureRequest { generation, shares, threshold, expect: None }
}

fn is_settled(keys: &KeysResponse, wish: EnsureRequest) -> bool {
    let settled = keys.pending.is_none() && keys.previous.is_none();
    settled && keys.current.generation == wish.generation
}

/// Until this Nexus sees it, whoever brought it about.
async fn settled(nexus: &NexusClient, wish: EnsureRequest) {
    until("it has settled", || async {
        nexus.keys().await.is_ok_and(|keys| is_settled(&keys, wish))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nexus_re_share_together_and_no_request_notices() {
    let stage = three().await;
    let clients = stage.cluster.clients("superuser").await.expect("clients");
    let operators = stage.cluster.clients("operator").await.expect("clients");
    let load = Load { pace: Duration::from_millis(5), ..Load::named("reshare") };
    let running = load.start(clients.clone());
    for (round, split) in (0..).zip([(3, 3), (2, 2), (3, 2), (2, 2), (3, 3), (3, 2)]) {
        let wish = wish(10 + round, split.0, split.1);
        // All are asked at once: one writes the claim, the others find it.
        let asked = operators.iter().map(|nexus| nexus.ensure_keys(&wish));
        for answer in futures::future::join_all(asked).await {
            answer.expect("claimed or found");
        }
        for nexus in &clients {
            settled(nexus, wish).await;
        }
    }
    let (load, history) = (running.load().clone(), running.stop().await);
    assert!(history.failures().is_empty(), "{:?}", history.failures());
    assert!(history.0.len() > 100, "the load was no load: {}", history.0.len());
    let kept = Aftermath::read(&clients[0], &load).await.expect("readable");
    assert_eq!(kept.broken(&history), [""; 0]);
    println!("{} requests on three Nexus during six re-shares, none failed", history.0.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_others_finish_what_a_killed_nexus_began() {
    let mut stage = three().await;
    let clients: Vec<Arc<NexusClient>> = stage.cluster.clients("superuser").await.expect("clients");
    let load = Load {
        pace: Duration::from_millis(5),
        patience: Duration::from_secs(30),
        ..Load::named("reshare")
    };
    let running = load.start(clients.clone());
    for (round, split) in (0..).zip([(2, 2), (3, 2), (3, 3), (3, 2)]) {
        let wish = wish(10 + round, split.0, split.1);
        clients[0].ensure_keys(&wish).await.expect("claimed");
        sleep(Duration::from_millis(round * 100)).await;
        stage.cluster.nexus.kill().await.expect("killed");
        for nexus in &clients[1..] {
            settled(nexus, wish).await;
        }
        stage.cluster.nexus.start().await.expect("started");
        stage.cluster.nexus.ready().await.expect("ready from the Keepers");
        settled(&clients[0], wish).await;
    }
    let (load, history) = (running.load().clone(), running.stop().await);
    assert!(history.failures().is_empty(), "{:?}", history.failures());
    let kept = Aftermath::read(&clients[0], &load).await.expect("readable");
    assert_eq!(kept.broken(&history), [""; 0]);
}
