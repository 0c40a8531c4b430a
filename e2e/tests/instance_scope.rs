//! Several clusters share a trust domain: one cluster's identities are nobody to another.

#![allow(clippy::indexing_slicing, reason = "a test may")]

use serde_json::json;
use spike_e2e::{Cluster, Options};

const INSTANCE: &str = "payments/demo";

fn scoped() -> Options {
    Options { instance: Some(INSTANCE), ..Options::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_clusters_superuser_is_nobody_here() {
    let mut cluster = Cluster::start(scoped()).await.expect("a cluster");
    let base = "spiffe://spike.ist/spike/pilot/role/superuser";
    cluster.add_identity("unscoped", base).await.expect("issued");
    let neighbour = format!("{base}/payments/other");
    cluster.add_identity("neighbour", &neighbour).await.expect("issued");
    let url = format!("{}/v1/store/secrets", cluster.nexus_url());
    let secret = json!({ "path": "a", "values": { "k": "v" } });
    for (identity, status) in [("superuser", 200), ("unscoped", 401), ("neighbour", 401)] {
        let caller = cluster.caller(identity).await.expect("a caller");
        let answer = caller.post(&url, secret.clone()).await.expect("an answer");
        assert_eq!(answer.status, status, "{identity}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_gets_no_shard_but_its_own() {
    let mut cluster = Cluster::prepare(scoped()).await.expect("a cluster");
    // The third Keeper's process runs under the second one's identity.
    let stolen = format!("unix://{}", cluster.socket("keeper-1").expect("there").display());
    for (name, value) in &mut cluster.keepers[2].program.env {
        if name == "SPIFFE_ENDPOINT_SOCKET" {
            value.clone_from(&stolen);
        }
    }
    cluster.start_keepers().await.expect("started");
    let out = cluster.run_bootstrap().await.expect("ran");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success(), "a shard went to a stolen identity: {said}");
    assert!(said.contains(&cluster.keepers[2].port.to_string()), "it isn't named: {said}");
}
