//! P1, P2, P6 with several Nexus on one PostgreSQL: they are one.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::print_stdout, reason = "a test may")]

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use spike_client::{ClientError, NexusClient};
use spike_core::{SecretPath, wire::v1::PolicyPutRequest};
use spike_e2e::{
    aftermath::Aftermath,
    load::{Load, Mix},
    stage::{Scene, Stage},
};
use tokio::time::sleep;

async fn three() -> Stage {
    Stage::start(Scene { replicas: 3, ..Scene::default() }).await.expect("three Nexus")
}

fn path(text: &str) -> SecretPath {
    text.parse().expect("valid")
}

async fn put(nexus: &NexusClient, at: &SecretPath, value: &str) -> Result<(), ClientError> {
    nexus.put_secret(at, BTreeMap::from([("v".to_owned(), value.into())])).await
}

async fn get(nexus: &NexusClient, at: &SecretPath) -> Result<String, ClientError> {
    let values = nexus.get_secret(at, None).await?;
    Ok(values["v"].as_str().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_nexus_writes_the_next_request_on_another_reads() {
    let stage = three().await;
    let clients = stage.cluster.clients("superuser").await.expect("clients");
    let at = path("shared/secret");
    for round in 0..30 {
        let (one, other) = (&clients[round % 3], &clients[(round + 1 + round / 3 % 2) % 3]);
        let value = round.to_string();
        put(one, &at, &value).await.expect("written");
        assert_eq!(get(other, &at).await.expect("read"), value, "round {round}");
        let fresh = path(&format!("shared/{round}"));
        put(one, &fresh, "x").await.expect("written");
        let listed = other.list_secrets().await.expect("listed");
        assert!(listed.contains(&fresh), "round {round}: {listed:?}");
        one.delete_secret(&fresh, &[]).await.expect("deleted");
        let gone = get(other, &fresh).await.expect_err("deleted");
        assert!(matches!(gone, ClientError::NotFound), "round {round}: {gone}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_policy_refuses_the_very_next_request_on_every_nexus() {
    let stage = three().await;
    let admins = stage.cluster.clients("superuser").await.expect("clients");
    let workloads = stage.cluster.clients("workload").await.expect("clients");
    let at = path("team/secret");
    put(&admins[0], &at, "1").await.expect("written");
    let policy = PolicyPutRequest {
        name: "team".to_owned(),
        spiffeid_pattern: "^spiffe://spike\\.ist/workload/other$".to_owned(),
        path_pattern: "^(team/.*|spike/system/secret)$".to_owned(),
        permissions: ["read", "write", "list"].map(str::to_owned).to_vec(),
    };
    for round in 0..12 {
        let admin = &admins[round % 3];
        // Only one of them is asked in a round, so that each learns of it by its first request.
        let workload = &workloads[(round + 1) % 3];
        admin.put_policy(&policy).await.expect("granted");
        get(workload, &at).await.expect("may read");
        put(workload, &at, "2").await.expect("may write");
        workload.list_secrets().await.expect("may list");

        admin.delete_policy("team").await.expect("revoked");
        let refused = match round % 4 {
            0 => get(workload, &at).await.map(drop),
            1 => put(workload, &at, "3").await,
            2 => workload.list_secrets().await.map(drop),
            _ => workload.delete_secret(&at, &[]).await,
        };
        assert!(matches!(refused, Err(ClientError::Denied)), "round {round}: {refused:?}");
    }
    assert_eq!(get(&admins[0], &at).await.expect("read"), "2", "nothing was written after it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_race_between_nexus_never_loses_a_write() {
    let stage = three().await;
    let clients = stage.cluster.clients("superuser").await.expect("clients");
    let at = path("race");
    let values: Vec<_> = (0..30).map(|i| i.to_string()).collect();
    let puts = values.iter().enumerate().map(|(i, value)| put(&clients[i % 3], &at, value));
    for done in join_all(puts).await {
        done.expect("written");
    }
    let known = clients[1].secret_metadata(&at, None).await.expect("known");
    assert_eq!(known.metadata.current_version, 30);
    let mut bodies = Vec::new();
    for number in 1..=30 {
        let version = spike_core::Version::new(number);
        let values = clients[2].get_secret(&at, version).await.expect("readable");
        bodies.push(values["v"].as_str().parse::<u32>().expect("a number"));
    }
    bodies.sort_unstable();
    assert_eq!(bodies, (0..30).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_clients_of_three_nexus_that_are_killed_see_one_secret_per_path() {
    let mut stage = three().await;
    let clients = stage.cluster.clients("superuser").await.expect("clients");
    let mix = Mix { puts: 40, deletes: 10, undeletes: 10 };
    let load = Load { clients: 16, mix, ..Load::named("race") };
    let running = load.clone().start(clients.clone());
    for _ in 0..2 {
        for nexus in stage.cluster.replicas_mut() {
            sleep(Duration::from_millis(700)).await;
            nexus.kill().await.expect("killed");
            nexus.start().await.expect("started");
            nexus.ready().await.expect("ready from the Keepers");
        }
    }
    let history = running.stop().await;
    let aftermath = Aftermath::read(&clients[0], &load).await.expect("all can be read");
    println!("{} requests, failed: {:?}", history.0.len(), history.failures());
    assert!(aftermath.versions() > 200, "the load was no load: {}", aftermath.versions());
    assert_eq!(aftermath.broken(&history), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_fails_no_request_that_a_retry_does_not_heal() {
    let mut stage = three().await;
    let clients = stage.cluster.clients("superuser").await.expect("clients");
    let patience = Duration::from_mins(1);
    let load = Load { patience, ..Load::named("rolling") };
    let running = load.clone().start(clients.clone());
    for nexus in stage.cluster.replicas_mut() {
        sleep(Duration::from_secs(1)).await;
        assert!(nexus.stop().await.expect("stopped").success(), "{}", nexus.log());
        nexus.start().await.expect("started");
        nexus.ready().await.expect("ready from the Keepers");
    }
    let history = running.stop().await;
    let most = history.0.iter().map(|record| record.tries).max().unwrap_or_default();
    println!("{} requests, each sent at most {most} times", history.0.len());
    assert!(history.0.len() > 200, "the load was no load: {}", history.0.len());
    assert_eq!(history.failures(), BTreeMap::new());
    let aftermath = Aftermath::read(&clients[0], &load).await.expect("all can be read");
    assert_eq!(aftermath.broken(&history), Vec::<String>::new());
}
