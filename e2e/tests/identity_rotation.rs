//! SVIDs that live for seconds rotate under traffic without one failure, and stop with their issuer.

#![allow(clippy::panic, clippy::print_stdout, reason = "a test may")]

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use spike_e2e::{Cluster, Options, until};
use tokio::time::{Instant, sleep};

/// How long an SVID lives: several rotations happen during the traffic.
const TTL: Duration = Duration::from_secs(20);
const TRAFFIC: Duration = Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread")]
async fn two_minutes_of_traffic_over_rotating_svids_without_one_failure() {
    let options = Options { svid_ttl: TTL, ..Options::default() };
    let cluster = Cluster::start(options).await.expect("a cluster");
    let identity = cluster.identity("superuser").await.expect("an identity");
    let kept_alive = spike_e2e::Caller::new(&identity).expect("a caller");
    let url = format!("{}/v1/store/secrets", cluster.nexus_url());
    let secret = json!({ "path": "rotating", "values": { "k": "v" } });

    let (end, mut requests) = (Instant::now() + TRAFFIC, 0u32);
    let mut svids = BTreeSet::new();
    while Instant::now() < end {
        let fresh = spike_e2e::Caller::new(&identity).expect("a new connection");
        for caller in [&kept_alive, &fresh] {
            let answer = caller.post(&url, secret.clone()).await;
            let answer = answer.unwrap_or_else(|e| panic!("after {requests} requests: {e:#}"));
            assert_eq!(answer.status, 200, "after {requests} requests: {}", answer.text());
            requests += 1;
        }
        svids.insert(identity.expires_at());
        sleep(Duration::from_millis(100)).await;
    }
    println!("{requests} requests over {} SVIDs of {TTL:?}", svids.len());
    assert!(svids.len() >= 5, "it hardly rotated: {svids:?}");

    cluster.authority.stop().await;
    let stopped = Instant::now();
    until("an expired identity is refused", || async {
        kept_alive.post(&url, secret.clone()).await.is_ok_and(|a| a.status == 401)
            || kept_alive.post(&url, secret.clone()).await.is_err()
    })
    .await;
    assert!(stopped.elapsed() < TTL + Duration::from_secs(10), "{:?}", stopped.elapsed());
}
