//! Every recorded exchange of the real SPIKE, sent to our servers in one linear run.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic and print"
)]

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};
use spike_e2e::{Answer, Caller, Cluster, Options};

/// Answers that differ from SPIKE's on purpose: line, our status, our masked body, why.
///
/// docs/compatibility.md has the same table for people.
const DIFFERENCES: [(u32, u16, &str, &str); 10] = [
    (
        11,
        200,
        r#"{"versions":{"1":{"createdTime":"T","version":1,"deletedTime":null},"2":{"createdTime":"T","version":2,"deletedTime":null}},"metadata":{"currentVersion":2,"oldestVersion":1,"createdTime":"T","updatedTime":"T","maxVersions":10}}"#,
        "every version with its number",
    ),
    (24, 200, "{}", "undelete of nothing current brings back the highest deleted version"),
    (50, 200, r#"{"status":"ready","reasons":[]}"#, "GET /health answers load balancers"),
    (
        63,
        404,
        r#"{"id":"","name":"","spiffiedPattern":"","pathPattern":"","permissions":null,"createdAt":"T","updatedAt":"T","err":"api_not_found"}"#,
        "a missing policy is missing, not our failure",
    ),
    (
        66,
        200,
        r#"{"policies":[{"id":"","name":"p-list"},{"id":"","name":"p-read"}]}"#,
        "lists are sorted",
    ),
    (75, 400, r#"{"err":"api_bad_request"}"#, "a bad regex is the caller's"),
    (83, 404, r#"{"err":"api_not_found"}"#, "a missing policy is missing, not our failure"),
    (
        90,
        400,
        r#"{"plaintext":null,"err":"api_bad_request"}"#,
        "what can't be decrypted is the caller's",
    ),
    (
        112,
        400,
        r#"{"collected":0,"remaining":0,"restored":false,"err":"state_already_initialized"}"#,
        "a working Nexus is never re-keyed",
    ),
    (117, 400, r#"{"hash":"","err":"api_bad_request"}"#, "what can't be decrypted is the caller's"),
];

/// The line without a number that differs, by its path: recover without a root key.
const SEALED_RECOVER: (u16, &str) = (503, r#"{"shards":null,"err":"state_not_ready"}"#);

#[derive(Debug, Deserialize)]
struct Line {
    n: Option<u32>,
    server: String,
    peer: String,
    method: String,
    path: String,
    #[serde(default = "json_type")]
    content_type: String,
    request: Request,
    status: u16,
    headers: Option<BTreeMap<String, String>>,
    raw: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Request {
    Json(Value),
    Text(String),
}

fn json_type() -> String {
    "application/json".to_owned()
}

impl Line {
    fn is(&self, n: u32) -> bool {
        self.n == Some(n)
    }

    fn body(&self) -> Vec<u8> {
        match &self.request {
            Request::Json(value) => value.to_string().into_bytes(),
            Request::Text(text) => text.clone().into_bytes(),
        }
    }
}

fn lines() -> Vec<Line> {
    let recorded = include_str!("../golden/spike-wire-sample.jsonl");
    recorded.lines().map(|line| serde_json::from_str(line).expect("a recorded line")).collect()
}

/// Replaces what is new at each run: times, nonces, ciphertexts, shards.
fn masked(body: &str) -> String {
    let mut text = body.to_owned();
    for (pattern, mask) in [
        (r#""\d{4}-\d\d-\d\dT[0-9:.]+Z""#, r#""T""#),
        (r#""nonce":"[^"]+""#, r#""nonce":"N""#),
        (r#""ciphertext":"[^"]+""#, r#""ciphertext":"C""#),
        (r"\[\d+(,\d+){31}\]", "[S]"),
    ] {
        text = Regex::new(pattern).expect("a pattern").replace_all(&text, mask).into_owned();
    }
    text
}

/// Who sends, and where to.
struct Replay {
    callers: BTreeMap<&'static str, Caller>,
    nexus: String,
    keeper: String,
    equal: usize,
    differing: usize,
}

impl Replay {
    async fn new(cluster: &Cluster, keeper: String) -> anyhow::Result<Self> {
        let mut callers = BTreeMap::new();
        for (peer, identity) in [
            ("pilot", "superuser"),
            ("recover", "recover"),
            ("restore", "restore"),
            ("nexus", "nexus"),
            ("keeper", "keeper"),
            ("bootstrap", "bootstrap"),
            ("lite", "lite"),
            ("other", "workload"),
        ] {
            callers.insert(peer, cluster.caller(identity).await?);
        }
        Ok(Self { callers, nexus: cluster.nexus_url(), keeper, equal: 0, differing: 0 })
    }

    async fn post(&self, peer: &str, path: &str, body: Value) -> anyhow::Result<Answer> {
        let base = if path.contains("/contribute") { &self.keeper } else { &self.nexus };
        self.callers[peer].post(&format!("{base}{path}"), body).await
    }

    /// What the recording's README says stands between the lines of the sample.
    async fn prepare(&self, n: u32) -> anyhow::Result<()> {
        let (path, spiffe_id, path_pattern, name, permission) = match n {
            62 => (
                "/v1/acl/policy",
                r"^spiffe://spike\.ist/workload/other$",
                "^spike/system/secret$",
                "p-list",
                "list",
            ),
            81 => ("/v1/acl/policy", r"^spiffe://spike\.ist/.*$", ".*", "ok any", "execute"),
            120 => {
                let shard = json!({ "shard": vec![7; 32] });
                let answer = self.post("nexus", "/v1/store/contribute", shard).await?;
                anyhow::ensure!(answer.status == 200, "contribute: {answer:?}");
                return Ok(());
            }
            _ => return Ok(()),
        };
        let policy = json!({ "name": name, "spiffeidPattern": spiffe_id,
            "pathPattern": path_pattern, "permissions": [permission] });
        let answer = self.post("pilot", path, policy).await?;
        anyhow::ensure!(answer.status == 200, "policy {name}: {answer:?}");
        Ok(())
    }

    /// Our own ciphertext of `hello` where the recording has SPIKE's.
    async fn fresh_ciphertext(&self) -> anyhow::Result<Value> {
        let plain = json!({ "plaintext": "aGVsbG8=" });
        let mut sealed = self.post("pilot", "/v1/cipher/encrypt", plain).await?.json();
        sealed["version"] = json!(1);
        Ok(sealed)
    }

    async fn replay(&mut self, line: &Line) -> anyhow::Result<()> {
        self.prepare(line.n.unwrap_or_default()).await?;
        let base = if line.server == "keeper" { &self.keeper } else { &self.nexus };
        let body = if line.is(85) || line.is(119) {
            self.fresh_ciphertext().await?.to_string().into_bytes()
        } else {
            line.body()
        };
        let url = format!("{base}{}", line.path);
        let answer = self.callers[line.peer.as_str()]
            .send(&line.method, &url, &line.content_type, body)
            .await?;
        self.compare(line, &answer);
        Ok(())
    }

    fn compare(&mut self, line: &Line, answer: &Answer) {
        let (status, body) = if let Some((status, body)) = difference(line) {
            self.differing += 1;
            (status, body.to_owned())
        } else {
            self.equal += 1;
            (line.status, masked(&line.raw))
        };
        assert_eq!((answer.status, masked(&answer.text())), (status, body), "{line:?}");
        if let Some(recorded) = &line.headers {
            let mut ours = answer.headers.clone();
            ours.remove("date");
            let length =
                ours.insert("content-length".to_owned(), recorded["content-length"].clone());
            assert_eq!(length, Some(answer.body.len().to_string()), "{line:?}");
            assert_eq!(&ours, recorded, "{line:?}");
        }
    }
}

fn difference(line: &Line) -> Option<(u16, &'static str)> {
    match line.n {
        Some(n) => {
            DIFFERENCES.iter().find(|d| d.0 == n).map(|&(_, status, body, _)| (status, body))
        }
        None => line.path.ends_with("/operator/recover").then_some(SEALED_RECOVER),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_exchange_is_answered_as_spike_does_or_as_documented() {
    let cluster = Cluster::start(Options::default()).await.expect("a cluster");
    let mut other = Cluster::prepare(Options::default()).await.expect("a second cluster");
    other.start_keepers().await.expect("empty Keepers");
    other.nexus.start().await.expect("a sealed Nexus");

    let lines = lines();
    let (ready, sealed): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.n.is_some());
    let (nexus, keeper): (Vec<_>, Vec<_>) =
        ready.into_iter().partition(|line| line.server == "nexus");

    let mut replay = Replay::new(&cluster, String::new()).await.expect("callers");
    for line in nexus {
        replay.replay(line).await.expect("an answer");
    }
    let keeper_url = format!("https://localhost:{}", other.keepers[0].port);
    let mut apart = Replay::new(&other, keeper_url).await.expect("callers");
    for line in keeper.into_iter().chain(sealed) {
        apart.replay(line).await.expect("an answer");
    }

    let (equal, differing) = (replay.equal + apart.equal, replay.differing + apart.differing);
    println!("{equal} lines equal, {differing} differ as documented, of {}", lines.len());
    assert_eq!((equal, differing), (lines.len() - DIFFERENCES.len() - 1, DIFFERENCES.len() + 1));
}

#[test]
fn every_difference_is_documented() {
    let documented = include_str!("../../docs/compatibility.md");
    let rows: Vec<_> = documented.lines().filter(|line| line.starts_with("| ")).collect();
    for (n, status, _, why) in DIFFERENCES {
        let row = rows.iter().find(|row| row.contains(&format!("(line {n})")));
        let row = row.unwrap_or_else(|| panic!("line {n} ({why}) isn't in docs/compatibility.md"));
        assert!(row.contains(&status.to_string()) || status == 200, "{n}: {row}");
        assert!(row.contains(why), "{n}: the reason {why:?} isn't in {row}");
    }
}
