//! Memory mode, which keeps nothing, and lite mode, which keeps no secrets.

#![allow(clippy::indexing_slicing, reason = "a test may panic")]

use serde_json::{Value, json};
use spike_e2e::{Answer, Caller, Cluster, Options, Store};

async fn post(cluster: &Cluster, caller: &Caller, path: &str, body: Value) -> Answer {
    let url = format!("{}{path}", cluster.nexus_url());
    caller.post(&url, body).await.expect("an answer")
}

fn is(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status, answer.text().as_str()), (status, body));
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_mode_needs_no_keeper_and_forgets_everything_at_its_end() {
    let options = Options { store: Store::Memory, ..Options::default() };
    let mut cluster = Cluster::start(options).await.expect("a cluster");
    let root = cluster.caller("superuser").await.expect("a caller");
    let secret = json!({ "path": "m/a", "values": { "k": "v" } });
    is(&post(&cluster, &root, "/v1/store/secrets", secret).await, 200, "{}");
    let get = "/v1/store/secrets?action=get";
    let read = post(&cluster, &root, get, json!({ "path": "m/a" })).await;
    is(&read, 200, r#"{"data":{"k":"v"}}"#);

    let recover = cluster.caller("recover").await.expect("a caller");
    let refused = post(&cluster, &recover, "/v1/operator/recover", json!({})).await;
    is(&refused, 400, r#"{"shards":null,"err":"api_bad_request"}"#);
    let out = cluster.run_bootstrap().await.expect("ran");
    assert!(!out.status.success(), "there is nothing to bootstrap");

    cluster.nexus.kill().await.expect("killed");
    cluster.nexus.start().await.expect("started");
    cluster.nexus.ready().await.expect("ready by itself");
    let gone = post(&cluster, &root, get, json!({ "path": "m/a" })).await;
    is(&gone, 404, r#"{"data":null,"err":"api_not_found"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn lite_mode_only_encrypts_and_survives_a_restart() {
    let lite = ("SPIKE_NEXUS_BACKEND_STORE".to_owned(), "lite".to_owned());
    let options = Options { env: vec![lite], ..Options::default() };
    let mut cluster = Cluster::start(options).await.expect("a cluster");
    let root = cluster.caller("superuser").await.expect("a caller");
    let lite = cluster.caller("lite").await.expect("a caller");
    let workload = cluster.caller("workload").await.expect("a caller");

    for (path, zero) in [
        ("/v1/store/secrets", r#"{"err":"api_bad_request"}"#),
        ("/v1/store/secrets?action=get", r#"{"data":null,"err":"api_bad_request"}"#),
        ("/v1/store/secrets?action=list", r#"{"keys":null,"err":"api_bad_request"}"#),
        ("/v1/acl/policy?action=list", r#"{"policies":null,"err":"api_bad_request"}"#),
    ] {
        is(&post(&cluster, &root, path, json!({})).await, 400, zero);
    }

    let plain = json!({ "plaintext": "aGVsbG8=" });
    let denied = post(&cluster, &workload, "/v1/cipher/encrypt", plain.clone()).await;
    assert_eq!(denied.status, 401);
    let sealed = post(&cluster, &lite, "/v1/cipher/encrypt", plain).await;
    assert_eq!(sealed.status, 200, "{}", sealed.text());
    cluster.nexus.kill().await.expect("killed");
    cluster.nexus.start().await.expect("started");
    cluster.nexus.ready().await.expect("ready from its Keepers");
    let opened = post(&cluster, &lite, "/v1/cipher/decrypt", sealed.json()).await;
    is(&opened, 200, r#"{"plaintext":"aGVsbG8="}"#);
    the_limit_is_the_same_in_both_directions(&cluster, &lite).await;
}

async fn the_limit_is_the_same_in_both_directions(cluster: &Cluster, lite: &Caller) {
    let most = format!("{}AA==", "AAAA".repeat(21_845));
    let sealed = post(cluster, lite, "/v1/cipher/encrypt", json!({ "plaintext": &most })).await;
    assert_eq!(sealed.status, 200, "{}", sealed.text());
    let opened = post(cluster, lite, "/v1/cipher/decrypt", sealed.json()).await;
    assert!((opened.status, &opened.json()["plaintext"]) == (200, &json!(most)));
    let beyond = json!({ "plaintext": "AAAA".repeat(21_846) });
    assert_eq!(post(cluster, lite, "/v1/cipher/encrypt", beyond).await.status, 400);

    let stream = async |path: &str, body: Vec<u8>| {
        let url = format!("{}{path}", cluster.nexus_url());
        lite.send("POST", &url, "application/octet-stream", body).await.expect("an answer")
    };
    let sealed = stream("/v1/cipher/encrypt", vec![0; 65_536]).await;
    assert_eq!((sealed.status, sealed.body.len()), (200, 65_565));
    let opened = stream("/v1/cipher/decrypt", sealed.body).await;
    assert!((opened.status, opened.body) == (200, vec![0; 65_536]));
    assert_eq!(stream("/v1/cipher/encrypt", vec![0; 65_537]).await.status, 400);
}
