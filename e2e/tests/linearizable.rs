//! P1: writers never lose each other's versions, readers see what was written, and a list is never
//! empty or partial.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::print_stdout, reason = "a test may")]

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use spike_e2e::{
    Cluster, Options,
    aftermath::Aftermath,
    load::{Load, Mix},
};
use tokio::time::sleep;

#[tokio::test(flavor = "multi_thread")]
async fn forty_parallel_puts_to_one_path_end_at_version_forty_with_every_body_readable() {
    let env = vec![("SPIKE_NEXUS_MAX_SECRET_VERSIONS".to_owned(), "50".to_owned())];
    let cluster = Cluster::start(Options { env, ..Options::default() }).await.expect("a cluster");
    let caller = cluster.caller("superuser").await.expect("a caller");
    let put = format!("{}/v1/store/secrets", cluster.nexus_url());
    let puts = (0..40).map(|i| {
        let body = json!({ "path": "race", "values": { "body": i.to_string() } });
        caller.post(&put, body)
    });
    for answer in join_all(puts).await {
        assert_eq!(answer.expect("an answer").status, 200);
    }

    let get = format!("{put}?action=get");
    let reads = (1..=40).map(|v| caller.post(&get, json!({ "path": "race", "version": v })));
    let mut bodies: Vec<u32> = Vec::new();
    for answer in join_all(reads).await {
        let body = answer.expect("an answer").json();
        let text = body["data"]["body"].as_str().expect("readable");
        bodies.push(text.parse().expect("a number"));
    }
    bodies.sort_unstable();
    assert_eq!(bodies, (0..40).collect::<Vec<_>>());

    let metadata = format!("{}/v1/store/secrets/metadata?action=get", cluster.nexus_url());
    let answer = caller.post(&metadata, json!({ "path": "race" })).await.expect("an answer");
    assert_eq!(answer.json()["metadata"]["currentVersion"], 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_under_sixty_four_parallel_callers_is_never_empty_or_partial() {
    let cluster = Cluster::start(Options::default()).await.expect("a cluster");
    let caller = cluster.caller("superuser").await.expect("a caller");
    let url = format!("{}/v1/store/secrets", cluster.nexus_url());
    let paths: Vec<String> = (0..30).map(|i| format!("list/{i:02}")).collect();
    for path in &paths {
        let body = json!({ "path": path, "values": { "a": "b" } });
        assert_eq!(caller.post(&url, body).await.expect("an answer").status, 200);
    }
    let list = format!("{url}?action=list");
    for _ in 0..5 {
        let calls = (0..64).map(|_| caller.post(&list, json!({})));
        for answer in join_all(calls).await {
            let answer = answer.expect("an answer");
            assert_eq!((answer.status, answer.json()), (200, json!({ "keys": paths })));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_under_kills_is_one_that_a_single_secret_could_have_given() {
    let env = vec![("SPIKE_NEXUS_MAX_SECRET_VERSIONS".to_owned(), "1000".to_owned())];
    let mut cluster =
        Cluster::start(Options { env, ..Options::default() }).await.expect("a cluster");
    let clients = cluster.clients("superuser").await.expect("clients");
    let mix = Mix { puts: 40, deletes: 10, undeletes: 10 };
    let load = Load { clients: 16, keys: 20, mix, ..Load::named("race") };
    let running = load.clone().start(clients.clone());
    for _ in 0..3 {
        sleep(Duration::from_secs(2)).await;
        cluster.nexus.kill().await.expect("killed");
        cluster.nexus.start().await.expect("started");
        cluster.nexus.ready().await.expect("ready from the Keepers");
    }
    let history = running.stop().await;
    let aftermath = Aftermath::read(&clients[0], &load).await.expect("all can be read");
    println!("{} requests, failed: {:?}", history.0.len(), history.failures());
    assert!(aftermath.versions() > 100, "the load was no load: {}", aftermath.versions());
    assert_eq!(aftermath.broken(&history), Vec::<String>::new());
}
