//! P2 and P5 while the root key is shared anew: no request notices, and whatever dies in the middle,
//! the cluster comes out whole.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::print_stdout, reason = "a test may")]

use std::time::Duration;

use serde_json::{Value, json};
use spike_e2e::{Caller, Cluster, Options, aftermath::Aftermath, load::Load, until};
use tokio::time::sleep;

async fn reshare(
    cluster: &Cluster,
    shares: &str,
    threshold: &str,
    more: &[&str],
    exit: i32,
) -> String {
    let args = ["operator", "reshare", "--shares", shares, "--threshold", threshold];
    cluster.told("superuser", &[&args, more].concat(), exit).await
}

/// Stops Nexus in order, and starts it with another list of Keepers.
async fn restart_with(cluster: &mut Cluster, keepers: usize) {
    cluster.nexus.stop().await.expect("stopped");
    cluster.tell_of_keepers(keepers).expect("told");
    cluster.nexus.start().await.expect("started");
    cluster.nexus.ready().await.expect("ready from the Keepers");
}

async fn keys(cluster: &Cluster) -> Value {
    let text = cluster.told("superuser", &["operator", "keys", "-f", "json"], 0).await;
    serde_json::from_str(&text).expect("JSON")
}

/// Codes of what status wants someone to look at.
async fn reasons(cluster: &Cluster) -> Vec<String> {
    let text = cluster.told("superuser", &["status", "-f", "json"], 0).await;
    let status: Value = serde_json::from_str(&text).expect("JSON");
    let reasons = status["reasons"].as_array().expect("a list");
    reasons.iter().filter_map(|reason| reason["code"].as_str().map(str::to_owned)).collect()
}

async fn holds_a_shard(cluster: &Cluster, keeper: usize) -> bool {
    cluster.keepers[keeper].probe("/readyz").await.is_some_and(|(status, _)| status == 200)
}

#[tokio::test(flavor = "multi_thread")]
async fn keepers_join_and_leave_and_no_request_notices() {
    let keep_all = ("SPIKE_NEXUS_MAX_SECRET_VERSIONS".to_owned(), "1000".to_owned());
    let options = Options { spare_keepers: 2, env: vec![keep_all], ..Options::default() };
    let mut cluster = Cluster::start(options).await.expect("a cluster");
    let refused = reshare(&cluster, "5", "3", &[], 1).await;
    assert!(refused.contains("SPIKE_NEXUS_KEEPER_PEERS"), "{refused}");
    restart_with(&mut cluster, 5).await;

    let clients = cluster.clients("superuser").await.expect("clients");
    let load = Load { pace: Duration::from_millis(5), ..Load::named("reshare") };
    let running = load.start(clients.clone());
    reshare(&cluster, "5", "3", &["--wait"], 0).await;
    let grown = keys(&cluster).await;
    assert_eq!((&grown["epoch"], &grown["rootEpoch"]), (&json!(2), &json!(1)));
    assert!(grown.get("pending").is_none() && grown.get("previous").is_none(), "{grown}");
    assert!(holds_a_shard(&cluster, 3).await && holds_a_shard(&cluster, 4).await);

    // A Keeper dies in the middle of the next one.
    cluster.keepers[1].kill().await.expect("killed");
    reshare(&cluster, "5", "4", &[], 0).await;
    let late = reshare(&cluster, "5", "4", &["--wait=3s"], 6).await;
    assert!(late.contains("waits for Keeper 2"), "{late}");
    let half = keys(&cluster).await;
    assert_eq!((&half["threshold"], &half["pending"]["threshold"]), (&json!(3), &json!(4)));
    assert!(reasons(&cluster).await.contains(&"reshare_under_way".to_owned()));
    cluster.keepers[1].start().await.expect("an empty Keeper");
    reshare(&cluster, "5", "4", &["--wait"], 0).await;

    reshare(&cluster, "3", "2", &["--wait"], 0).await;
    for leaver in [3, 4] {
        until("it has forgotten its shard", || async { !holds_a_shard(&cluster, leaver).await })
            .await;
    }
    let (load, history) = (running.load().clone(), running.stop().await);
    assert!(history.0.len() > 100, "the load was no load: {}", history.0.len());
    assert!(history.failures().is_empty(), "{:?}", history.failures());
    let kept = Aftermath::read(&clients[0], &load).await.expect("readable");
    assert_eq!(kept.broken(&history), [""; 0]);
    println!("{} requests during three re-shares, none failed", history.0.len());

    restart_with(&mut cluster, 3).await;
    cluster.keepers[4].kill().await.expect("killed");
    cluster.keepers[3].kill().await.expect("killed");
    // The environment says 2 of 3 again, but of the first generation.
    assert!(reasons(&cluster).await.contains(&"reshare_needed".to_owned()));
    reshare(&cluster, "3", "2", &["--generation", "1"], 0).await;
    assert!(!reasons(&cluster).await.contains(&"reshare_needed".to_owned()));
}

/// Waiting is looking: what somebody else asks for stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_re_share_that_someone_waits_for_can_be_withdrawn() {
    let options = Options { spare_keepers: 1, ..Options::default() };
    let mut cluster = Cluster::start(options).await.expect("a cluster");
    restart_with(&mut cluster, 4).await;
    cluster.keepers[3].kill().await.expect("killed");
    let waiting = reshare(&cluster, "4", "3", &["--wait"], 5);
    let withdrawing = async {
        until("it is claimed", || async { keys(&cluster).await.get("pending").is_some() }).await;
        reshare(&cluster, "3", "2", &[], 0).await;
    };
    let (told, ()) = tokio::join!(waiting, withdrawing);
    assert!(told.contains("the re-share was replaced by 2 of 3"), "{told}");
    let left = keys(&cluster).await;
    assert!(left.get("pending").is_none() && left["shares"] == json!(3), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_ask_and_what_the_audit_says_of_it() {
    let options = Options { spare_keepers: 1, ..Options::default() };
    let mut cluster = Cluster::start(options).await.expect("a cluster");
    restart_with(&mut cluster, 4).await;
    let url = format!("{}/v2/keys", cluster.nexus_url());
    let ask = async |who: &str, wish: Value| {
        let caller = cluster.caller(who).await.expect("a caller");
        let answer = caller.post(&format!("{url}:ensure"), wish).await.expect("an answer");
        (answer.status, answer.json())
    };
    let wish = |shares: u64, threshold: u64| json!({ "generation": 2, "shares": shares, "threshold": threshold });
    for stranger in ["workload", "lite", "recover", "restore", "nexus", "bootstrap"] {
        assert_eq!(ask(stranger, wish(4, 3)).await.0, 403, "{stranger}");
        let caller = cluster.caller(stranger).await.expect("a caller");
        let shown = caller.send("GET", &url, "", Vec::new()).await.expect("an answer");
        assert_eq!(shown.status, 403, "{stranger}");
    }
    assert_eq!(ask("operator", wish(4, 1)).await.0, 403, "not below a threshold of 2");
    let (status, nonsense) = ask("operator", wish(3, 4)).await;
    assert_eq!((status, &nonsense["code"]), (400, &json!("request/invalid")));
    assert!(nonsense["detail"].as_str().is_some_and(|why| why.starts_with("threshold: ")));

    let (status, claimed) = ask("operator", wish(4, 3)).await;
    assert_eq!(status, 200, "{claimed}");
    until("it has settled", || async {
        let (status, keys) = ask("operator", wish(4, 3)).await;
        assert_eq!(status, 200, "{keys}");
        keys["shares"] == json!(4) && keys.get("previous").is_none()
    })
    .await;
    let late = json!({ "generation": 1, "shares": 3, "threshold": 2, "expect": 1 });
    let (status, refused) = ask("operator", late).await;
    assert_eq!((status, &refused["code"]), (409, &json!("keys/changed")), "{refused}");
    let keys = keys(&cluster).await;
    let public = keys["auditKeys"][0]["key"].as_str().expect("a key").to_owned();

    cluster.nexus.stop().await.expect("stopped");
    let audit = cluster.folder().join("audit.jsonl");
    let text = std::fs::read_to_string(&audit).expect("an audit");
    let lines: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let is = |line: &Value, event: &str, op: &str| {
        line["event"] == json!(event) && line["op"] == json!(op)
    };
    let wished = |line: &Value| {
        line["principal"] == json!("spiffe://spike.ist/spike/operator")
            && line["path"] == json!("3 of 4 (generation 2)")
    };
    for event in ["intent", "outcome"] {
        let told = lines.iter().any(|line| is(line, event, "keys.ensure") && wished(line));
        assert!(told, "no {event}: {text}");
    }
    assert!(lines.iter().any(|line| is(line, "keys", "keys.commit")));
    assert!(lines.iter().any(|line| is(line, "keys", "keys.settle")));
    let file = audit.display().to_string();
    cluster.told("superuser", &["audit", "verify", &file, "--key", &public], 0).await;
}

async fn put(caller: &Caller, cluster: &Cluster, path: &str) -> u16 {
    let url = format!("{}/v1/store/secrets", cluster.nexus_url());
    let body = json!({ "path": path, "values": { "v": path } });
    caller.post(&url, body).await.map_or(0, |answer| answer.status)
}

async fn get(caller: &Caller, cluster: &Cluster, path: &str) -> Value {
    let url = format!("{}/v1/store/secrets?action=get", cluster.nexus_url());
    let answer = caller.post(&url, json!({ "path": path })).await.expect("an answer");
    answer.json()["data"]["v"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nexus_killed_in_the_middle_is_followed_by_one_that_goes_on() {
    let options = Options { spare_keepers: 2, ..Options::default() };
    let mut cluster = Cluster::start(options).await.expect("a cluster");
    let caller = cluster.caller("superuser").await.expect("a caller");
    assert_eq!(put(&caller, &cluster, "before").await, 200);
    cluster.nexus.kill().await.expect("killed");
    cluster.tell_of_keepers(5).expect("told");
    cluster.nexus.start().await.expect("started");
    cluster.nexus.ready().await.expect("ready");

    // Claimed and put to all but one.
    cluster.keepers[4].kill().await.expect("killed");
    reshare(&cluster, "5", "3", &[], 0).await;
    until("all others hold it", || async {
        let keys = keys(&cluster).await;
        let held = keys["pending"]["keepers"].as_array().expect("a list");
        held.iter().filter(|keeper| keeper["holds"] == json!("pending")).count() == 4
    })
    .await;
    cluster.nexus.kill().await.expect("killed");
    cluster.nexus.start().await.expect("started");
    cluster.nexus.ready().await.expect("the old epoch is whole");
    assert_eq!(keys(&cluster).await["epoch"], json!(1));
    cluster.keepers[4].start().await.expect("an empty Keeper");
    reshare(&cluster, "5", "3", &["--wait"], 0).await;

    // And wherever it happens to be, with a Keeper that loses its memory at the same time.
    let ensure = format!("{}/v2/keys:ensure", cluster.nexus_url());
    for round in 0..8u64 {
        let (shares, threshold) = if round % 2 == 0 { (3, 2) } else { (5, 3) };
        let wish = json!({ "generation": 10 + round, "shares": shares, "threshold": threshold });
        let (asked, ()) = tokio::join!(caller.post(&ensure, wish.clone()), async {
            sleep(Duration::from_millis(100 + round * 40)).await;
            cluster.nexus.kill().await.expect("killed");
        });
        println!("round {round}: {:?}", asked.map(|answer| answer.status));
        let lost = usize::try_from(round % 3).expect("small");
        cluster.keepers[lost].kill().await.expect("killed");
        cluster.keepers[lost].start().await.expect("an empty Keeper");
        cluster.nexus.start().await.expect("started");
        cluster.nexus.ready().await.expect("one epoch is whole");
        until("it has settled", || async {
            let Ok(answer) = caller.post(&ensure, wish.clone()).await else { return false };
            let keys = answer.json();
            keys["generation"] == wish["generation"]
                && keys.get("pending").is_none()
                && keys.get("previous").is_none()
        })
        .await;
        assert_eq!(get(&caller, &cluster, "before").await, json!("before"), "round {round}");
        assert_eq!(put(&caller, &cluster, "after").await, 200);
    }
}
