//! P2: whatever happens to PostgreSQL under load, no acknowledged write is lost, errors are clear and
//! can be retried, connections stay bounded, and all is well again when it is over.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::print_stdout, reason = "a test may")]

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;
use spike_e2e::{
    fault::{Fault, Finding},
    history::Failure,
    load::Load,
    stage::{Scene, Stage},
    until,
};
use spike_testbed_postgres::{Disk, Options};

/// Long enough for every timeout of Nexus but that of a request.
const A_WHILE: Duration = Duration::from_secs(5);

/// Lets it happen, and checks what must hold of every fault.
async fn suffer(stage: &mut Stage, fault: Fault) -> Finding {
    let load = Load::named(&format!("{fault:?}").to_lowercase());
    let finding = stage.suffer(fault, A_WHILE, load).await.expect("it works before and after");
    println!(
        "{fault:?}: {} requests, failed: {:?}; first answer after {:?}, recovered after {:?}, \
         at most {} connections, a second {:.0?}, reasons {:?}",
        finding.history.0.len(),
        finding.history.failures(),
        finding.first_answer,
        finding.recovery,
        finding.connections,
        finding.goodput,
        finding.reasons,
    );
    assert_eq!(finding.broken, Vec::<String>::new(), "{fault:?}");
    // Every Nexus was there all the time, and said what is the matter, in time.
    let not_ready = Failure::NotReady("state_not_ready".to_owned());
    let others: Vec<_> = finding.failures().into_iter().filter(|f| *f != not_ready).collect();
    assert_eq!(others, Vec::new(), "{fault:?}");
    // Processes that are stopped don't notice that nobody is at their other end any more: then there
    // are as many of those.
    let stopped = usize::from(fault == Fault::StalledBackends);
    let most = stage.most_connections() * (1 + stopped);
    assert!(finding.connections <= most, "{fault:?}: {} of {most}", finding.connections);
    finding
}

/// The same, of a fault that nobody can work through.
async fn outage(stage: &mut Stage, fault: Fault) {
    let finding = suffer(stage, fault).await;
    assert!(!finding.failures().is_empty(), "{fault:?} harmed nobody");
    let says = finding.reasons.iter().any(|code| code == "store_unavailable");
    assert!(says, "{fault:?}: {:?}", finding.reasons);
}

async fn stage() -> Stage {
    Stage::start(Scene::default()).await.expect("a cluster on PostgreSQL")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_or_restarted() {
    let mut stage = stage().await;
    outage(&mut stage, Fault::Killed).await;
    outage(&mut stage, Fault::Restarted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs() {
    let mut stage = stage().await;
    outage(&mut stage, Fault::Frozen).await;
    suffer(&mut stage, Fault::StalledBackends).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_slow_resets_or_corrupts() {
    let mut stage = stage().await;
    suffer(&mut stage, Fault::Slow).await;
    outage(&mut stage, Fault::Reset).await;
    outage(&mut stage, Fault::Corrupt).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_goes_silent() {
    let mut stage = stage().await;
    outage(&mut stage, Fault::HalfOpen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_free_connection_or_that_takes_no_writes() {
    let mut stage = stage().await;
    outage(&mut stage, Fault::Exhausted).await;
    outage(&mut stage, Fault::ReadOnly).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk() {
    if !Disk::can_be_small() {
        println!("SKIPPED: this machine mounts no small filesystem for us (it takes root)");
        return;
    }
    let server = Options { disk: Disk::Data(160), ..Options::default() };
    let scene = Scene { server, ..Scene::default() };
    let mut stage = Stage::start(scene).await.expect("a cluster on PostgreSQL");
    let finding = suffer(&mut stage, Fault::DiskFull).await;
    assert!(!finding.failures().is_empty(), "there was room");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_lost_while_its_synchronous_standby_is_promoted() {
    let scene = Scene { standby: true, ..Scene::default() };
    let mut stage = Stage::start(scene).await.expect("a cluster on PostgreSQL");
    suffer(&mut stage, Fault::FailedOver).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_has_a_status_and_a_code_in_both_protocols() {
    let mut stage = stage().await;
    let caller = stage.cluster.caller("superuser").await.expect("a caller");
    let base = stage.cluster.nexus_url();
    let put = format!("{base}/v1/store/secrets");
    let body = json!({ "path": "a", "values": { "k": "v" } });
    assert_eq!(caller.post(&put, body.clone()).await.expect("an answer").status, 200);
    stage.server.stop().await.expect("stopped");

    for (url, body) in [
        (put.clone(), body),
        (format!("{put}?action=get"), json!({ "path": "a" })),
        (format!("{put}?action=list"), json!({})),
        (format!("{base}/v1/acl/policy?action=list"), json!({})),
    ] {
        let answer = caller.post(&url, body).await.expect("an answer");
        assert_eq!(
            (answer.status, &answer.json()["err"]),
            (503, &json!("state_not_ready")),
            "{url}"
        );
    }
    let question =
        json!({ "spiffeId": "spiffe://spike.ist/x", "path": "a", "permissions": ["read"] });
    let answer =
        caller.post(&format!("{base}/v2/access:check"), question).await.expect("an answer");
    let problem = answer.json();
    assert_eq!((answer.status, &problem["code"]), (503, &json!("store/unavailable")), "{problem}");
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    until("whoever probes is told, and leaves it its place", || async {
        let said = stage.cluster.nexus.probe("/readyz").await.expect("an answer");
        said.0 == 200 && said.1.contains("store_unavailable")
    })
    .await;

    stage.server.start_again().await.expect("started");
    let get = format!("{put}?action=get");
    until("it serves again", || async {
        let answer = caller.post(&get, json!({ "path": "a" })).await.expect("an answer");
        answer.status == 200 && answer.json()["data"]["k"] == "v"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_herd_that_waits_for_the_server_is_served_when_it_returns() {
    let mut stage = stage().await;
    // Ten times the connections, so that requests really wait in Nexus and not in one client.
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.extend(stage.cluster.clients("superuser").await.expect("clients"));
    }
    let load =
        Load { clients: 400, keys: 200, patience: Duration::from_mins(2), ..Load::named("herd") };
    stage.server.stop().await.expect("stopped");
    let running = load.clone().start(clients);
    tokio::time::sleep(A_WHILE).await;
    stage.server.start_again().await.expect("started");
    let back = running.elapsed();
    until("each was served twice", || async {
        let now = stage.connections().await.unwrap_or_default();
        assert!(now <= stage.most_connections(), "{now} connections");
        running.answered(Duration::ZERO) >= 800
    })
    .await;
    let served = running.elapsed().saturating_sub(back);
    let history = running.stop().await;
    println!("800 answers {served:?} after its return");
    assert_eq!(history.failures(), BTreeMap::new());
}
