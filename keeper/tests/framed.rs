//! `/v2/shard:…` of a real Keeper, through the client that Nexus uses.

mod support;

use spike_client::ClientError;
use spike_core::wire::v2::shard::{DropRequest, PutAs, SetRole};
use support::{BOOTSTRAP, Keeper, NEXUS, commit, get, put, set_id};

#[tokio::test]
async fn a_shard_goes_from_bootstrap_to_nexus_and_every_step_is_audited() {
    let mut keeper = Keeper::start().await;
    let (status, text) = keeper.probe("/readyz").await.expect("an answer");
    assert_eq!(status, 503);
    assert!(text.contains("no_committed_set"), "{text}");

    let bootstrap = keeper.client(BOOTSTRAP).await;
    bootstrap.put(&put(1, 9, PutAs::Pending)).await.expect("put");
    let held = bootstrap.status().await.expect("a status");
    let pending = held.sets.first().expect("one set");
    assert_eq!((pending.role, pending.set_id), (SetRole::Pending, set_id(1)));
    assert_eq!(pending.digest, put(1, 9, PutAs::Pending).frame.digest);
    bootstrap.commit(&commit(1)).await.expect("committed");
    assert_eq!(keeper.probe("/readyz").await.expect("an answer").0, 200);
    let denied = bootstrap.get(&get(1)).await.expect_err("never for bootstrap");
    assert!(matches!(denied, ClientError::Denied), "{denied}");

    let nexus = keeper.client(NEXUS).await;
    let got = nexus.get(&get(1)).await.expect("the shard");
    assert_eq!(got.shard.as_slice(), [9; 32]);
    assert_eq!(got.frame, put(1, 9, PutAs::Pending).frame);

    let (ended, _) = keeper.terminate().await;
    assert!(ended.success());
    let log = std::fs::read_to_string(keeper.audit_log()).expect("an audit log");
    let told: Vec<_> = log.lines().filter_map(told).collect();
    let set = set_id(1).to_string();
    let (nexus, bootstrap) =
        ("spiffe://spike.ist/spike/nexus", "spiffe://spike.ist/spike/bootstrap");
    let line = |op: &str, who: &str, event: &str, result: &str| {
        format!("{event} {op} {who} {set} {result}")
    };
    assert_eq!(
        told,
        [
            line("shard.put", bootstrap, "shard", "ok"),
            line("shard.commit", bootstrap, "shard", "ok"),
            line("shard.get", bootstrap, "denied", "access/denied"),
            line("shard.get", nexus, "shard", "ok"),
        ]
    );
    let report = spike_audit::verify::verify(
        log.as_bytes(),
        &spike_audit::verify::PublicKeys::default(),
        &spike_audit::verify::Expected::default(),
    );
    assert!(report.expect("readable").is_clean());
    assert!(!log.contains("CQkJ"), "no shard in the log");
}

/// A line about a shard, in short.
fn told(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let field = |name| line.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let told = ["event", "op", "principal", "path", "result"].map(field);
    field("op").starts_with("shard.").then(|| told.join(" "))
}

#[tokio::test]
async fn refusals_name_their_code_and_change_nothing() {
    let keeper = Keeper::start().await;
    let nexus = keeper.client(NEXUS).await;
    nexus.put(&put(2, 9, PutAs::Current)).await.expect("put");
    let before = nexus.status().await.expect("a status");
    assert_eq!((before.witness.ring, before.witness.policies), (2, 7));

    let conflict = |result: Result<(), ClientError>| match result {
        Err(ClientError::Conflict { code, .. }) => code,
        other => format!("{other:?}"),
    };
    assert_eq!(conflict(nexus.put(&put(1, 9, PutAs::Current)).await), "shard/stale_epoch");
    assert_eq!(conflict(nexus.put(&put(2, 8, PutAs::Current)).await), "shard/other_bytes");
    let drop_it = DropRequest { cluster_id: get(2).cluster_id, set_id: set_id(2), in_force: None };
    assert_eq!(conflict(nexus.drop_set(&drop_it).await), "shard/current_set");
    let gone = nexus.get(&get(9)).await.expect_err("not held");
    assert!(matches!(gone, ClientError::NotFound), "{gone}");

    let mut corrupt = put(3, 9, PutAs::Pending);
    corrupt.shard = vec![8; 32].into();
    let refused = nexus.put(&corrupt).await.expect_err("corrupt");
    let right =
        matches!(&refused, ClientError::BadRequest { code, .. } if code == "shard/digest_mismatch");
    assert!(right, "{refused}");
    assert_eq!(nexus.status().await.expect("a status"), before);
}

#[tokio::test]
async fn strangers_get_no_further_than_the_handshake() {
    let keeper = Keeper::start().await;
    for path in ["spike/keeper", "spike/pilot/role/superuser", "spike/operator", "workload/other"] {
        let stranger = keeper.client(&format!("{path}/x")).await;
        let refused = stranger.status().await.expect_err(path);
        let right =
            matches!(refused, ClientError::Unreachable { .. } | ClientError::Untrusted { .. });
        assert!(right, "{path}: {refused}");
    }
    let (_, metrics) = keeper.probe("/metrics").await.expect("an answer");
    assert!(metrics.contains(r#"spike_refused_total{reason="peer"}"#), "{metrics}");
}

#[tokio::test]
async fn a_problem_is_told_as_rfc_9457_and_quotes_nothing() {
    let keeper = Keeper::start().await;
    let nexus = keeper.plain(NEXUS).await;
    let post = async |path: &str, body: &'static str| {
        let answer = nexus.post(keeper.url(path)).body(body).send().await.expect("an answer");
        let media = answer.headers()["content-type"].to_str().expect("ASCII").to_owned();
        (answer.status().as_u16(), media, answer.text().await.expect("a body"))
    };
    let (status, media, body) = post("/v2/shard:put", r#"{"shard":"c2VjcmV0"#).await;
    assert_eq!((status, media.as_str()), (400, "application/problem+json"));
    assert_eq!(
        body,
        r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"no such request, at line 1 column 18","code":"request/invalid"}"#
    );
    assert_eq!(post("/v2/nothing", "{}").await.0, 404);
    let answer = nexus.get(keeper.url("/v2/shard:status")).send().await.expect("an answer");
    assert_eq!(answer.status(), 405);
}
