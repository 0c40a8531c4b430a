//! The `keeper` program: its settings, its audit log, its end and its size.

mod support;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use spike_audit::{Log, Sink};
use spike_core::wire::v2::shard::PutAs;
use spike_keeper::{
    config::Config,
    keeper::{Asker, Failure},
    slots::Sender,
};
use spike_runtime::Env;
use support::{BOOTSTRAP, Keeper, NEXUS, command, commit, put};

#[tokio::test]
async fn all_wrong_settings_are_told_at_once() {
    let ended = command()
        .arg("--check-config")
        .env("SPIKE_KEEPER_TLS_PORT", "8443")
        .env("SPIKE_KEEPER_INDEX", "0")
        .env("SPIKE_DRAIN", "-1s")
        .env("SPIKE_AUDIT", "syslog")
        .env("SPIKE_TRUST_ROOT_NEXUS", "spiffe://spike.ist")
        .env("SPIKE_INSTANCE", "team")
        .env("SPIFFE_ENDPOINT_SOCKET", "/run/agent.sock")
        .env("SPIKE_KEEPER_INDEKS", "1")
        .output()
        .await
        .expect("the keeper program");
    assert_eq!(ended.status.code(), Some(1));
    let text = String::from_utf8(ended.stderr).expect("UTF-8");
    assert!(text.contains("7 settings are wrong:"), "{text}");
    for name in [
        "SPIKE_KEEPER_TLS_PORT=\"8443\"",
        "SPIKE_KEEPER_INDEX=\"0\"",
        "SPIKE_DRAIN=\"-1s\"",
        "SPIKE_AUDIT=\"syslog\"",
        "SPIKE_TRUST_ROOT_NEXUS=",
        "SPIKE_INSTANCE=\"team\"",
        "SPIFFE_ENDPOINT_SOCKET=\"/run/agent.sock\"",
        "nothing reads SPIKE_KEEPER_INDEKS; did you mean SPIKE_KEEPER_INDEX?",
    ] {
        assert!(text.contains(name), "{name} is not in {text}");
    }
}

#[tokio::test]
async fn right_settings_are_checked_without_serving() {
    let args = [vec!["--check-config"], vec!["serve", "--check-config"]];
    for args in args {
        let ended = command()
            .args(args)
            .env("HOSTNAME", "spike-keeper-2")
            .output()
            .await
            .expect("the keeper program");
        assert!(ended.status.success());
        let text = String::from_utf8(ended.stdout).expect("UTF-8");
        assert_eq!(text, "the configuration is valid: shard 3, mTLS on :8443, probes on :8444\n");
    }
}

#[tokio::test]
async fn a_signal_stops_it_cleanly() {
    let mut keeper = Keeper::start().await;
    let (status, log) = keeper.terminate().await;
    assert!(status.success(), "{log}");
    // Nobody reads a pipe by eye: each line is an object.
    assert!(log.lines().count() > 1);
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(line.get("level").is_some() && line.get("message").is_some(), "{line}");
    }
    let audit = std::fs::read_to_string(keeper.audit_log()).expect("an audit log");
    assert!(audit.contains("keeper.start") && audit.contains("keeper.stop"), "{audit}");
}

#[tokio::test]
async fn a_signal_stops_it_while_it_waits_for_an_identity() {
    let child = command()
        .env("SPIKE_KEEPER_INDEX", "1")
        .env("SPIKE_KEEPER_TLS_PORT", "127.0.0.1:0")
        .env("SPIKE_KEEPER_PROBE_PORT", "127.0.0.1:0")
        .env("SPIFFE_ENDPOINT_SOCKET", "unix:///nowhere/agent.sock")
        .spawn()
        .expect("the keeper program");
    tokio::time::sleep(Duration::from_secs(1)).await;
    support::signal(&child);
    let ended = tokio::time::timeout(Duration::from_secs(5), child.wait_with_output()).await;
    let ended = ended.expect("at once").expect("ended");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_the_drain() {
    let mut keeper = Keeper::start().await;
    let nexus = keeper.plain(NEXUS).await;
    // A body that never comes keeps its request in flight.
    let body = StreamBody::new(stream::pending::<Result<Frame<Bytes>, std::io::Error>>());
    let put = nexus.post(keeper.url("/v2/shard:put")).body(reqwest::Body::wrap(body)).send();
    let signals = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        support::signal(&keeper.child);
        let drained = tokio::time::timeout(Duration::from_secs(1), keeper.child.wait()).await;
        assert!(drained.is_err(), "a request is in flight");
        support::signal(&keeper.child);
        tokio::time::timeout(Duration::from_secs(2), keeper.child.wait()).await
    };
    let (_, ended) = tokio::join!(put, signals);
    assert_eq!(ended.expect("at once").expect("ended").code(), Some(130));
}

#[tokio::test]
async fn its_memory_reaches_no_core_dump() {
    let keeper = Keeper::start().await;
    let pid = keeper.child.id().expect("it runs");
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("readable");
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line");
    let numbers: Vec<_> = line.split_whitespace().skip(4).take(2).collect();
    assert_eq!(numbers, ["0", "0"], "{line}");
}

/// A Keeper without a server, and its log.
async fn in_process() -> (Arc<spike_keeper::keeper::Keeper>, Log) {
    let log = Log::open(Sink::Stdout, "test".to_owned()).await.expect("a log");
    let mut env: Env = [("SPIKE_KEEPER_INDEX".to_owned(), "2".to_owned())].into_iter().collect();
    let keeper = spike_keeper::keeper::Keeper::new(&Config::read(&mut env), log.clone());
    (Arc::new(keeper), log)
}

fn nexus() -> Asker {
    let id = "spiffe://spike.ist/spike/nexus".parse().expect("valid");
    Asker { sender: Sender::Nexus, id, in_flight: None }
}

#[tokio::test]
async fn what_an_audit_line_tells_happens_even_if_the_asker_went_away() {
    let (keeper, _log) = in_process().await;
    let asker = nexus();
    {
        let put = std::pin::pin!(keeper.put(put(1, 9, PutAs::Pending), &asker));
        assert!(futures::poll!(put).is_pending(), "it waits for its audit line");
    }
    keeper.idle().await;
    assert_eq!(keeper.status().sets.len(), 1);
    {
        let commit = std::pin::pin!(keeper.commit(commit(1), &asker));
        assert!(futures::poll!(commit).is_pending(), "it waits for its audit line");
    }
    keeper.idle().await;
    assert_eq!(keeper.epoch(), Some(1));
}

#[tokio::test]
async fn nothing_happens_that_cannot_be_audited() {
    let (keeper, log) = in_process().await;
    let asker = nexus();
    keeper.put(put(1, 9, PutAs::Pending), &asker).await.expect("put");
    let before = keeper.status();

    log.close().await;
    let put = keeper.put(put(2, 9, PutAs::Pending), &asker).await;
    assert!(matches!(put, Err(Failure::Audit(_))), "{put:?}");
    let committed = keeper.commit(commit(1), &asker).await;
    assert!(matches!(committed, Err(Failure::Audit(_))), "{committed:?}");
    let got = keeper.get(support::get(1), &asker).await;
    assert!(matches!(got, Err(Failure::Audit(_))), "no shard leaves unaudited");
    assert!(matches!(keeper.unframed(&asker).await, Err(Failure::Audit(_))));
    assert_eq!(keeper.status(), before);
}

#[tokio::test]
async fn of_many_at_once_one_commit_changes_and_all_succeed() {
    let keeper = Arc::new(Keeper::start().await);
    let client = keeper.client(BOOTSTRAP).await;
    client.put(&put(1, 9, PutAs::Pending)).await.expect("put");
    let request = commit(1);
    let all = futures::future::join_all((0..20).map(|_| client.commit(&request))).await;
    assert!(all.into_iter().all(|done| done.is_ok()));
    assert_eq!(client.status().await.expect("a status").sets.len(), 1);
}

#[tokio::test]
async fn a_keeper_with_a_shard_is_small_and_stays_so() {
    let keeper = Keeper::start().await;
    let client = keeper.client(BOOTSTRAP).await;
    client.put(&put(1, 9, PutAs::Pending)).await.expect("put");
    client.commit(&commit(1)).await.expect("committed");
    let pid = keeper.child.id().expect("it runs");
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("readable");
        // What it allocates; the rest are pages of the program, unoptimised and shared.
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line");
        line.trim_end_matches("kB").trim().parse::<u64>().expect("a number")
    };
    let before = resident();
    for _ in 0..100 {
        client.put(&put(1, 9, PutAs::Pending)).await.ok();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let after = resident();
    println!("allocated with a shard: {before} kB, after 100 more puts: {after} kB");
    assert!(after < 10 * 1024, "{after} kB");
    assert!(after < before + 2 * 1024, "{before} kB grew to {after} kB");
}
