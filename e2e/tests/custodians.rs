//! Recovery shards that only their custodians can read: given out, tried, and put back after
//! everything lost power at once.

#![allow(clippy::indexing_slicing, clippy::panic, reason = "a test may")]

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use age::{secrecy::ExposeSecret, x25519};
use serde_json::{Value, json};
use spike_e2e::{Cluster, Options};

/// People with keys of their own, in files of the cluster's folder.
const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// A cluster that was made with three custodians, and their secrets.
async fn cluster() -> (Cluster, Vec<x25519::Identity>) {
    let secrets: Vec<_> = NAMES.iter().map(|_| x25519::Identity::generate()).collect();
    let public: Vec<_> = secrets.iter().map(|secret| secret.to_public().to_string()).collect();
    let env = vec![("SPIKE_BOOTSTRAP_RECIPIENTS".to_owned(), public.join(",\n"))];
    let cluster = Cluster::start(Options { env, ..Options::default() }).await.expect("a cluster");
    for (name, secret) in NAMES.iter().zip(&secrets) {
        key_file(&cluster.folder().join(format!("{name}.key")), secret);
    }
    key_file(&cluster.folder().join("mallory.key"), &x25519::Identity::generate());
    (cluster, secrets)
}

/// As `age-keygen` writes it.
fn key_file(path: &Path, secret: &x25519::Identity) {
    let (public, secret) = (secret.to_public(), secret.to_string());
    let text =
        format!("# created: 2026-01-02\n# public key: {public}\n{}\n", secret.expose_secret());
    fs::write(path, text).expect("written");
}

/// What the shard of a file is, as its custodian sees it.
fn opened(cluster: &Cluster, file: &str, secret: &x25519::Identity) -> String {
    let text = fs::read(cluster.folder().join(file)).expect("there");
    let line = age::decrypt(secret, &text).expect("the custodian's own");
    String::from_utf8(line).expect("text")
}

/// Everything that the cluster has written down.
fn written(cluster: &Cluster) -> String {
    let files = fs::read_dir(cluster.folder()).expect("there").flatten();
    let logs = files.filter(|file| {
        let name = file.file_name();
        let name = name.to_string_lossy();
        name.ends_with("log") || name.ends_with("jsonl")
    });
    logs.map(|file| fs::read_to_string(file.path()).expect("text")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn custodians_bring_back_what_a_power_cut_took() {
    let (mut cluster, secrets) = cluster().await;
    cluster.told("superuser", &["secret", "put", "a", "k=before"], 0).await;
    cluster.told("superuser", &["operator", "recover"], 3).await;
    let said = cluster.told("recover", &["operator", "recover", "--dir", "sent"], 0).await;
    assert!(said.contains("This is set 1: any 2 of these 3 shards restore"), "{said}");
    let file = |i: usize| format!("sent/spike.recovery.{i}.age");
    for (secret, i) in secrets.iter().zip(1..) {
        assert!(said.contains(&format!("{} for {}", file(i), secret.to_public())), "{said}");
        let mode =
            fs::metadata(cluster.folder().join(file(i))).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(opened(&cluster, &file(i), secret).starts_with(&format!("spike:{i}:")));
    }
    cluster.told("recover", &["operator", "recover", "--dir", "sent"], 5).await;

    cluster.lose_power().await.expect("started again");
    cluster.told("superuser", &["secret", "get", "a"], 6).await;
    let restore = ["operator", "restore", "-i", "alice.key", "-i", "carol.key"];
    let with = |files: &[usize]| -> Vec<String> {
        let files = files.iter().map(|&i| file(i));
        restore.iter().map(ToString::to_string).chain(files).collect()
    };
    for (files, exit, told) in [
        (&[1][..], 1, "1 usable shards, 2 are needed"),
        (&[1, 2], 1, "sent/spike.recovery.2.age"),
        (&[1, 1], 2, "shard 1 is given twice"),
    ] {
        let args = with(files);
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let said = cluster.told("restore", &args, exit).await;
        assert!(said.contains(told), "{said}");
    }
    cluster.told("superuser", &["secret", "get", "a"], 6).await;
    let drill = ["operator", "drill", "-i", "alice.key", &file(1)];
    cluster.told("restore", &drill, 6).await;
    let args = with(&[1, 3]);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    cluster.told("restore", &args, 0).await;
    let read = cluster.told("superuser", &["secret", "get", "a", "k"], 0).await;
    assert_eq!(read.trim(), "before");
    for keeper in &mut cluster.keepers {
        keeper.ready().await.expect("holds its shard again");
    }
    let written = written(&cluster);
    for (secret, i) in secrets.iter().zip(1..) {
        let shard = opened(&cluster, &file(i), secret);
        let digits = shard.trim().rsplit(':').next().expect("digits").to_owned();
        assert!(digits.len() == 64 && !written.contains(&digits), "shard {i} was written down");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_gives_a_plain_shard_of_a_set_that_has_custodians() {
    let (cluster, secrets) = cluster().await;
    let (v1, v2) = ("/v1/operator/recover", "/v2/operator:recover");
    let url = |path: &str| format!("{}{path}", cluster.nexus_url());

    let recover = cluster.caller("recover").await.expect("a caller");
    let stock = recover.post(&url(v1), json!({})).await.expect("an answer");
    let refused = r#"{"shards":null,"err":"api_bad_request"}"#;
    assert_eq!((stock.status, stock.text().as_str()), (400, refused));
    let given = recover.post(&url(v2), json!({})).await.expect("an answer");
    let shards = given.json()["shards"].clone();
    assert_eq!((given.status, shards.as_array().map(Vec::len)), (200, Some(3)), "{}", given.text());
    assert!(!given.text().contains(r#""shard":"#), "{}", given.text());

    for who in ["recover", "superuser", "operator"] {
        let caller = cluster.caller(who).await.expect("a caller");
        let shown =
            caller.send("GET", &url("/v2/escrow"), "", Vec::new()).await.expect("an answer");
        let escrow = shown.json();
        assert_eq!(
            (shown.status, &escrow["set"], &escrow["threshold"]),
            (200, &json!(1), &json!(2))
        );
        for (shard, secret) in escrow["shards"].as_array().expect("a list").iter().zip(&secrets) {
            assert_eq!(shard["recipient"], secret.to_public().to_string());
            let file = shard["ciphertext"].as_str().expect("text");
            assert!(age::decrypt(secret, file.as_bytes()).is_ok(), "{who}");
        }
    }
    let wanted = json!({ "newSet": true, "recipients": [secrets[0].to_public().to_string()] });
    for (who, path) in [("superuser", v2), ("operator", v2), ("restore", v2), ("workload", v2)] {
        let caller = cluster.caller(who).await.expect("a caller");
        let denied = caller.post(&url(path), wanted.clone()).await.expect("an answer");
        assert_eq!(denied.status, 403, "{who}: {}", denied.text());
    }
    let shard = json!({ "index": 1, "shard": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=" });
    let many = json!({ "shards": vec![shard; 256] });
    let refused = recover.post(&url("/v2/operator:drill"), many).await.expect("an answer");
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("at most 255 recovery shards"), "{}", refused.text());
    for (who, method, path) in [
        ("restore", "GET", "/v2/escrow"),
        ("workload", "GET", "/v2/escrow"),
        ("superuser", "POST", "/v2/operator:drill"),
        ("operator", "POST", "/v2/operator:drill"),
        ("recover", "POST", "/v2/operator:resetRestore"),
    ] {
        let caller = cluster.caller(who).await.expect("a caller");
        let body = br#"{"shards":[]}"#.to_vec();
        let denied = caller.send(method, &url(path), "", body).await.expect("an answer");
        assert_eq!(denied.status, 403, "{who} {path}: {}", denied.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_on_a_healthy_cluster_proves_what_a_restore_would_do() {
    let (cluster, _) = cluster().await;
    let none = ["operator", "drill", "nothing.age"];
    cluster.told("restore", &none, 2).await;
    cluster.told("recover", &["operator", "recover", "--dir", "one"], 0).await;
    let file = |dir: &str, i: u8| format!("{dir}/spike.recovery.{i}.age");
    let drill = |keys: &[&str], files: &[String], more: &[&str]| -> Vec<String> {
        let keys = keys.iter().flat_map(|key| ["-i".to_owned(), format!("{key}.key")]);
        let start = ["operator".to_owned(), "drill".to_owned()];
        let more = more.iter().map(ToString::to_string);
        start.into_iter().chain(more).chain(keys).chain(files.iter().cloned()).collect()
    };
    let run = async |who: &str, args: Vec<String>, exit| {
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        cluster.told(who, &args, exit).await
    };
    let both = [file("one", 1), file("one", 3)];
    for who in ["restore", "recover"] {
        let said = run(who, drill(&["alice", "carol"], &both, &[]), 0).await;
        assert!(said.contains("Set 1, any 2 of 3") && said.contains("Shard 3: ok"), "{said}");
        assert!(said.contains("These shards would restore the root key."), "{said}");
    }
    run("superuser", drill(&["alice", "carol"], &both, &[]), 3).await;
    let alone = [file("one", 2)];
    let said = run("restore", drill(&["bob"], &alone, &[]), 1).await;
    assert!(said.contains("Shard 2: ok\nOne more good shard is needed"), "{said}");
    run("restore", drill(&["bob"], &alone, &["--each"]), 0).await;
    let said = run("restore", drill(&["mallory"], &alone, &["--each"]), 1).await;
    assert!(said.contains("cannot decrypt one/spike.recovery.2.age"), "{said}");
    run("restore", drill(&[], &alone, &[]), 2).await;

    let new_set = ["operator", "recover", "--new-set", "--yes", "--dir", "two"];
    let said = cluster.told("recover", &new_set, 0).await;
    assert!(said.contains("This is set 2: any 2 of these 3 shards"), "{said}");
    let mixed = [file("one", 1), file("two", 3)];
    let said = run("restore", drill(&["alice", "carol"], &mixed, &[]), 1).await;
    assert!(said.contains("Set 2, any 2 of 3"), "{said}");
    assert!(said.contains("Shard 1: wrong: of an older set"), "{said}");
    assert!(said.contains("Shard 3: ok"), "{said}");
    cluster.told("superuser", &["secret", "put", "a", "k=v"], 0).await;
    audit_says_who_did_what(&cluster);
}

/// Each of them is announced before it is begun, and told again with its end.
fn audit_says_who_did_what(cluster: &Cluster) {
    let text = fs::read_to_string(cluster.folder().join("audit.jsonl")).expect("an audit");
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let about = |event: &str, op: &str| -> Vec<&Value> {
        lines.iter().filter(|line| line["event"] == event && line["op"] == op).collect()
    };
    for (op, who) in [("operator.recover", "recover"), ("operator.drill", "restore")] {
        let (intents, ends) = (about("intent", op), about("keys", op));
        assert!(!intents.is_empty() && intents.len() == ends.len(), "{op}: {intents:?} {ends:?}");
        let role = format!("spiffe://spike.ist/spike/pilot/role/{who}");
        assert!(
            ends.iter().any(|line| line["principal"] == role.as_str() && line["result"] == "ok")
        );
    }
    let sets: Vec<_> = about("keys", "keys.escrow").iter().map(|l| l["path"].to_string()).collect();
    assert_eq!(sets.len(), 1, "the first was made with the root: {sets:?}");
    assert!(sets[0].contains("set 2: any 2 of 3 age1"), "{sets:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_new_set_the_old_shards_restore_nothing() {
    let mut cluster = Cluster::start(Options::default()).await.expect("a cluster");
    cluster.told("recover", &["operator", "drill", "--each"], 2).await;
    cluster.told("recover", &["operator", "recover", "--dir", "plain"], 0).await;
    let bob = x25519::Identity::generate();
    key_file(&cluster.folder().join("bob.key"), &bob);
    let carol = x25519::Identity::generate();
    key_file(&cluster.folder().join("carol.key"), &carol);
    let list = format!("# custodians\n{}\n{}\n", bob.to_public(), carol.to_public());
    fs::write(cluster.folder().join("list"), &list).expect("written");
    let new_set = ["operator", "recover", "--new-set", "--yes", "--dir", "sent"];

    let typo = format!("{}\nage1typo\n", bob.to_public());
    fs::write(cluster.folder().join("typo"), typo).expect("written");
    let with = [&new_set[..], &["--recipients-file", "typo"]].concat();
    let said = cluster.told("recover", &with, 1).await;
    assert!(said.contains("recipient 2: it is damaged"), "{said}");
    let alone = bob.to_public().to_string();
    let with = [&new_set[..], &["--recipient", &alone]].concat();
    let said = cluster.told("recover", &with, 1).await;
    assert!(said.contains("1 recipients are too few: any 2"), "{said}");
    let with = [&new_set[..], &["--recipients-file", "list"]].concat();
    let said = cluster.told("recover", &with, 0).await;
    assert!(said.contains("This is set 2: any 2 of these 2"), "{said}");

    cluster.lose_power().await.expect("started again");
    let old = ["operator", "restore", "plain/spike.recovery.1.txt", "plain/spike.recovery.2.txt"];
    let said = cluster.told("restore", &old, 1).await;
    assert!(
        said.contains("recovery shard 1 and 2 is not of set 2, which was given out last"),
        "{said}"
    );
    let line = opened(&cluster, "sent/spike.recovery.1.age", &bob);
    let one_by_one = ["operator", "restore", "--one-by-one", "first.txt"];
    fs::write(cluster.folder().join("first.txt"), line).expect("written");
    let said = cluster.told("restore", &one_by_one, 0).await;
    assert!(said.contains("Shards collected: 1"), "{said}");
    let said = cluster.told("restore", &["operator", "restore", "--reset"], 0).await;
    assert!(said.contains("Shards forgotten: 1"), "{said}");
    let (first, second) = ("sent/spike.recovery.1.age", "sent/spike.recovery.2.age");
    let restore = ["operator", "restore", "-i", "bob.key", "-i", "carol.key", first, second];
    cluster.told("restore", &restore, 0).await;
    cluster.nexus.ready().await.expect("restored");
}
