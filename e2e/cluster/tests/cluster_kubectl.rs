//! `kubectl spike`: a cluster by its name, for whom Kubernetes lets; its status, its restore, and a report
//! in which no secret is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::{Value, json};
use spike_testbed_kubernetes::{Demo, Manifest, Namespace, Person};

/// Part of every value that must not leave.
const CANARY: &str = "cAnArY7";

fn said(out: &Output) -> String {
    let text = [&out.stdout[..], &out.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

fn status(out: &Output) -> i32 {
    out.status.code().expect("it ended by itself")
}

/// A cluster that has a canary wherever somebody may have put a secret.
fn manifest() -> Manifest {
    let env = json!([{"name": "DB_PASS", "value": format!("{CANARY}-env")}]);
    Manifest::on_sqlite().with(&json!({
        "metadata": {"annotations": {"their.own/note": format!("{CANARY}-annotation")}},
        "spec": {"nexus": {"podOverrides": {"env": env}}},
    }))
}

/// Objects that lie around in its namespace, one of them with the label of what is ours.
fn bystanders() -> String {
    let data = json!({"key": format!("{CANARY}-value")});
    let ours = json!({"spike.ist/cluster": "demo"});
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs", "labels": ours},
         "stringData": data},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "labels": ours},
         "data": data},
    ]})
    .to_string()
}

#[tokio::test]
#[ignore = "needs a cluster: make e2e starts one"]
async fn a_cluster_is_used_looked_at_restored_and_reported_by_its_name() {
    let namespace = Namespace::create("kubectl").await.expect("created");
    let demo = Demo::apply(&namespace, &manifest()).await.expect("applied");
    demo.until_settled().await;
    namespace.kubectl_with(&["apply", "-f", "-"], &bystanders()).await.expect("applied");
    let folder = tempfile::tempdir().expect("a folder");

    let superuser = Person::superuser(&namespace).await.expect("an administrator may");
    let (path, value) = (format!("{CANARY}/path"), format!("{CANARY}-secret"));
    superuser.put(&path, &value).await.expect("put");
    assert_eq!(superuser.get(&path).await.expect("got"), value);

    only_whom_kubernetes_lets(&namespace).await;
    the_status_tells_what_is_there(&namespace).await;
    a_report_has_no_secret(&namespace, folder.path()).await;
    nobody_is_needed_but_custodians(&namespace, &demo, folder.path()).await;
    assert_eq!(superuser.get(&path).await.expect("got"), value, "after the restore");
    namespace.delete().await.expect("deleted");
}

async fn only_whom_kubernetes_lets(namespace: &Namespace) {
    let bind = "create rolebinding vera --clusterrole=view --user=vera";
    namespace.kubectl(&bind.split(' ').collect::<Vec<_>>()).await.expect("bound");
    let bind = "create rolebinding alice --clusterrole=spike-superuser --user=alice";
    namespace.kubectl(&bind.split(' ').collect::<Vec<_>>()).await.expect("bound");

    let refused = namespace.spike(&["--as", "vera", "secret", "list"]).await.expect("runs");
    assert_eq!(status(&refused), 3, "{}", said(&refused));
    assert!(said(&refused).contains("create spikeclusters/superuser"), "{}", said(&refused));
    let shown = namespace.spike(&["--as", "vera", "status"]).await.expect("runs");
    assert!(said(&shown).contains("Shards    3/3 held"), "a viewer sees it: {}", said(&shown));
    assert!(said(&shown).contains("\nNot seen\n"), "{}", said(&shown));

    let allowed = namespace.spike(&["--as", "alice", "secret", "list"]).await.expect("runs");
    assert_eq!(status(&allowed), 0, "{}", said(&allowed));
    let refused = ["--as", "alice", "--as-role", "restore", "operator", "restore", "--reset"];
    let refused = namespace.spike(&refused).await.expect("runs");
    assert_eq!(status(&refused), 3, "a superuser is no custodian: {}", said(&refused));

    let unknown = namespace.spike(&["-c", "dmeo", "status"]).await.expect("runs");
    assert_eq!(status(&unknown), 4);
    assert!(said(&unknown).contains("Did you mean demo?"), "{}", said(&unknown));
}

async fn the_status_tells_what_is_there(namespace: &Namespace) {
    // Nobody has recovery shards yet.
    let shown = namespace.spike(&["status"]).await.expect("runs");
    assert_eq!(status(&shown), 7, "{}", said(&shown));
    for line in ["spike-demo-keeper-2", "holds its shard", "ring revision", "Store     sqlite"] {
        assert!(said(&shown).contains(line), "{line}: {}", said(&shown));
    }
    assert!(
        said(&shown).contains("-> nobody has recovery shards: `kubectl spike operator recover`")
    );

    let shown = namespace.spike(&["status", "-o", "json"]).await.expect("runs");
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    let at = |pointer: &str| shown.pointer(pointer).unwrap_or(&Value::Null);
    assert_eq!(at("/health"), "degraded");
    assert_eq!(at("/told/keys/shares"), 3);
    for keeper in 0..3 {
        assert_eq!(at(&format!("/keepers/{keeper}/well")), true, "{shown:#}");
    }
}

async fn a_report_has_no_secret(namespace: &Namespace, folder: &Path) {
    let to = folder.join("report");
    let out = namespace.spike(&["report", "--dir", text(&to)]).await.expect("runs");
    assert_eq!(status(&out), 0, "{}", said(&out));
    let files = files(&to);
    let names: Vec<_> = files.iter().map(|(path, _)| path.display().to_string()).collect();
    for wanted in [
        "status.txt",
        "objects/spikecluster.json",
        "objects/configmaps.json",
        "objects/pods.json",
        "events.txt",
        "statusz/",
        ".nexus.log",
        "-keeper-0.keeper.log",
        "operator/logs/",
        "versions.json",
    ] {
        assert!(names.iter().any(|name| name.contains(wanted)), "{wanted}: {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("secret")), "{names:?}");
    for (path, text) in &files {
        assert!(!text.contains(CANARY), "{}:\n{text}", path.display());
        for token in ["eyJhbGciOi", "PRIVATE KEY", "last-applied-configuration"] {
            assert!(!text.contains(token), "{token} in {}", path.display());
        }
    }
    // What it is for is there all the same.
    let all: String = files.into_iter().map(|(_, text)| text).collect();
    assert!(all.contains("DB_PASS") && all.contains("secret.put") && all.contains("[redacted]"));
}

/// Every file under a folder.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let text = fs::read_to_string(&path).expect("text");
            found.push((path, text));
        }
    }
    found
}

async fn nobody_is_needed_but_custodians(namespace: &Namespace, demo: &Demo<'_>, folder: &Path) {
    let dir = folder.join("shards");
    let taken = ["operator", "recover", "--yes", "--dir", text(&dir)];
    let taken = namespace.spike(&taken).await.expect("runs");
    assert_eq!(status(&taken), 0, "{}", said(&taken));

    let all =
        "delete pod --force --grace-period=0 -l app.kubernetes.io/component in (nexus,keeper)";
    let (all, query) = all.split_once(" -l ").expect("a query");
    let all: Vec<_> = all.split(' ').chain(["-l", query]).collect();
    namespace.kubectl(&all).await.expect("deleted");
    demo.until_condition("Stalled", "True", "RecoveryRequired").await;
    let shown = namespace.spike(&["status"]).await.expect("runs");
    assert_eq!(status(&shown), 8, "{}", said(&shown));
    assert!(said(&shown).contains("`kubectl spike restore`"), "{}", said(&shown));
    let sealed = namespace.spike(&["secret", "list"]).await.expect("runs");
    assert_eq!(status(&sealed), 6, "{}", said(&sealed));

    let shard = |index: u8| dir.join(format!("spike.recovery.{index}.txt"));
    let restore = ["restore", text(&shard(1)), text(&shard(3))].map(ToOwned::to_owned);
    let restore: Vec<_> = restore.iter().map(String::as_str).collect();
    let restored = namespace.spike(&restore).await.expect("runs");
    assert_eq!(status(&restored), 0, "{}", said(&restored));
    assert!(said(&restored).contains("3 of 3 Keepers hold a shard."), "{}", said(&restored));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
