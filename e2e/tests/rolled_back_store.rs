//! P10: a store restored from an old backup is refused until somebody accepts it.

#![allow(clippy::panic, reason = "a test may")]

use std::{fs, time::Duration};

use spike_e2e::{Cluster, Options, until};
use tokio::time::sleep;

/// A stopped Nexus leaves one file, with nothing beside it.
fn database(cluster: &Cluster) -> std::path::PathBuf {
    let wal = cluster.folder().join("spike.db-wal");
    assert!(!wal.exists(), "a stopped Nexus leaves its log in the file");
    cluster.folder().join("spike.db")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_from_before_a_revocation_is_refused_until_it_is_accepted() {
    let mut cluster = Cluster::start(Options::default()).await.expect("a cluster");
    cluster.told("superuser", &["secret", "put", "acme/db", "user=root"], 0).await;
    let pattern = r"^spiffe://spike\.ist/workload/.*$";
    let policy = ["policy", "create", "--name", "p", "--permissions", "read"];
    let patterns = ["--path-pattern", "^acme/.*$", "--spiffeid-pattern", pattern];
    cluster.told("superuser", &[policy.as_slice(), &patterns].concat(), 0).await;
    cluster.told("workload", &["secret", "get", "acme/db"], 0).await;

    cluster.nexus.stop().await.expect("stopped");
    let (file, backup) = (database(&cluster), cluster.folder().join("backup.db"));
    fs::copy(&file, &backup).expect("backed up");
    cluster.nexus.start().await.expect("started");
    cluster.nexus.ready().await.expect("ready");
    cluster.told("superuser", &["policy", "delete", "p", "--yes"], 0).await;
    // Longer than the interval in which the Keepers are told.
    sleep(Duration::from_secs(3)).await;

    cluster.nexus.stop().await.expect("stopped");
    fs::copy(&backup, database(&cluster)).expect("rolled back");
    cluster.nexus.start().await.expect("started");
    until("the older store is refused", || async {
        let answer = cluster.nexus.probe("/readyz").await;
        answer.is_some_and(|(status, body)| status == 503 && body.contains("store_rolled_back"))
    })
    .await;
    cluster.told("workload", &["secret", "get", "acme/db"], 6).await;

    cluster.told("superuser", &["operator", "accept-rollback", "--yes"], 3).await;
    cluster.told("restore", &["operator", "accept-rollback", "--yes"], 0).await;
    cluster.nexus.ready().await.expect("accepted");
    cluster.told("workload", &["secret", "get", "acme/db"], 0).await;
}
