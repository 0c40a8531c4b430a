//! The `spike` command against a real cluster: what people see, and what scripts branch on.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::print_stdout, reason = "a test may")]

use spike_e2e::{Cluster, Options};

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_in_and_out_and_scripts_can_tell_why_not() {
    let cluster = Cluster::start(Options::default()).await.expect("a cluster");
    let c = &cluster;
    c.told("superuser", &["secret", "put", "acme/db", "user=root", "pass=one"], 0).await;
    c.told("superuser", &["secret", "put", "acme/db", "user=root", "pass=two"], 0).await;
    let all = c.told("superuser", &["secret", "get", "acme/db", "-f", "json"], 0).await;
    let values: serde_json::Value = serde_json::from_str(&all).expect("JSON");
    assert_eq!(values, serde_json::json!({ "pass": "two", "user": "root" }));
    assert_eq!(c.told("superuser", &["secret", "get", "acme/db", "pass"], 0).await.trim(), "two");
    let old = c.told("superuser", &["secret", "get", "acme/db", "pass", "-v", "1"], 0).await;
    assert_eq!(old.trim(), "one");
    let listed = c.told("superuser", &["secret", "list"], 0).await;
    assert!(listed.contains("acme/db"), "{listed}");
    c.told("superuser", &["secret", "delete", "acme/db"], 0).await;
    c.told("superuser", &["secret", "undelete", "acme/db", "-v", "2"], 0).await;
    let metadata = c.told("superuser", &["secret", "metadata", "get", "acme/db"], 0).await;
    assert!(metadata.contains('2'), "{metadata}");

    let missing = c.told("superuser", &["secret", "get", "acme/none"], 4).await;
    assert!(missing.contains("acme/none"), "it doesn't say what is missing: {missing}");
    c.told("workload", &["secret", "get", "acme/db"], 3).await;
    c.told("superuser", &["secret", "get"], 2).await;
    c.told("superuser", &["secret", "get", "a b"], 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_opens_one_door_and_closes_it_again() {
    let cluster = Cluster::start(Options::default()).await.expect("a cluster");
    let c = &cluster;
    c.told("superuser", &["secret", "put", "acme/db", "user=root"], 0).await;
    c.told("workload", &["secret", "get", "acme/db"], 3).await;
    let policy = [
        "policy",
        "create",
        "--name",
        "acme-read",
        "--path-pattern",
        "^acme/.*$",
        "--spiffeid-pattern",
        r"^spiffe://spike\.ist/workload/.*$",
        "--permissions",
        "read",
    ];
    c.told("superuser", &policy, 0).await;
    let read = c.told("workload", &["secret", "get", "acme/db", "user"], 0).await;
    assert_eq!(read.trim(), "root");
    c.told("workload", &["secret", "put", "acme/db", "user=me"], 3).await;

    let test = ["policy", "test", "spiffe://spike.ist/workload/other", "acme/db", "read"];
    let explained = c.told("superuser", &test, 0).await;
    assert!(explained.contains("acme-read"), "{explained}");
    let test = ["policy", "test", "spiffe://spike.ist/workload/other", "acme/db", "write"];
    c.told("superuser", &test, 3).await;

    c.told("superuser", &["policy", "delete", "acme-read", "--yes"], 0).await;
    c.told("workload", &["secret", "get", "acme/db"], 3).await;
    c.told("superuser", &["policy", "get", "acme-read"], 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_every_keeper_and_a_lost_nexus_is_exit_six() {
    let mut cluster = Cluster::start(Options::default()).await.expect("a cluster");
    let status = cluster.told("superuser", &["status"], 0).await;
    for keeper in &cluster.keepers {
        assert!(status.contains(&keeper.port.to_string()), "{status}");
    }
    cluster.told("workload", &["status"], 3).await;
    cluster.nexus.kill().await.expect("killed");
    let gone = cluster.told("superuser", &["secret", "list"], 6).await;
    assert!(gone.contains(&cluster.nexus.port.to_string()), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_has_every_denial_and_a_changed_line_is_found() {
    let mut cluster = Cluster::start(Options::default()).await.expect("a cluster");
    cluster.told("superuser", &["secret", "put", "acme/db", "user=root"], 0).await;
    cluster.told("workload", &["secret", "get", "acme/db"], 3).await;
    cluster.nexus.stop().await.expect("stopped");

    let file = cluster.folder().join("audit.jsonl");
    let name = file.to_str().expect("text");
    let text = std::fs::read_to_string(&file).expect("an audit file");
    let denial = text.lines().find(|line| line.contains(r#""decision":"deny""#));
    let denial = denial.unwrap_or_else(|| panic!("no denial in {text}"));
    assert!(denial.contains("spiffe://spike.ist/workload/other"), "{denial}");
    assert!(!text.contains("root"), "a value is in the audit log");
    cluster.told("superuser", &["audit", "verify", name], 0).await;

    std::fs::write(&file, text.replacen(r#""decision":"deny""#, r#""decision":"allow""#, 1))
        .expect("written");
    cluster.told("superuser", &["audit", "verify", name], 1).await;
}
