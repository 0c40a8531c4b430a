//! SPIKE's own Go SDK, unchanged, against our servers: every function of its API, by name.

#![allow(clippy::indexing_slicing, clippy::print_stdout, reason = "a test may panic and print")]

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use spike_e2e::{Cluster, Options};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// Longer than the program's own limit for a step.
const STEP: Duration = Duration::from_mins(1);

/// The running Go program.
struct Sdk {
    _child: Child,
    stdin: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Sdk {
    async fn start(cluster: &Cluster, empty_keeper: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(build().await?);
        command.env_clear().env("SPIKE_NEXUS_API_URL", cluster.nexus_url());
        command
            .env("SPIKE_NEXUS_KEEPER_PEERS", empty_keeper)
            .env("SPIKE_SYSTEM_LOG_LEVEL", "ERROR");
        for role in ["superuser", "recover", "restore", "bootstrap", "lite", "workload"] {
            command.env(format!("SOCKET_{}", role.to_uppercase()), cluster.socket(role)?);
        }
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = pipes.spawn()?;
        let stdin = child.stdin.take().context("piped")?;
        let answers = BufReader::new(child.stdout.take().context("piped")?).lines();
        Ok(Self { _child: child, stdin, answers })
    }

    /// Runs a step; what its calls returned, each as `Name` with value or error.
    async fn step(&mut self, name: &str) -> anyhow::Result<Vec<Value>> {
        self.stdin.write_all(format!("{name}\n").as_bytes()).await?;
        let mut calls = Vec::new();
        loop {
            let line = timeout(STEP, self.answers.next_line()).await.context(name.to_owned())??;
            let line = line.with_context(|| format!("the program ended in step {name}"))?;
            if line.is_empty() {
                println!(
                    "{name}: {}",
                    calls.iter().map(Value::to_string).collect::<Vec<_>>().join(" ")
                );
                return Ok(calls);
            }
            // The SDK logs to standard output too; its lines have no call.
            calls.extend(
                serde_json::from_str(&line).ok().filter(|v: &Value| v.get("call").is_some()),
            );
        }
    }
}

/// Builds the Go program into the target folder.
async fn build() -> anyhow::Result<PathBuf> {
    let out = spike_e2e::program("nexus").with_file_name("go-sdk");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("go-sdk");
    let mut go = Command::new("go");
    let built = go.args(["build", "-o"]).arg(&out).arg(".").current_dir(source).output().await;
    let built = built.context("run go; Go 1.25.5 or newer builds SPIKE's SDK")?;
    ensure!(built.status.success(), "go build: {}", String::from_utf8_lossy(&built.stderr));
    Ok(out)
}

fn ok(call: &str) -> Value {
    json!({ "call": call })
}

fn gives(call: &str, value: impl Into<Value>) -> Value {
    json!({ "call": call, "value": value.into() })
}

fn fails(call: &str, code: &str) -> Value {
    json!({ "call": call, "error": code })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_of_spikes_go_sdk_works_unchanged() {
    let mut cluster = Cluster::start(Options::default()).await.expect("a cluster");
    let mut other = Cluster::prepare(Options::default()).await.expect("empty Keepers");
    other.start_keepers().await.expect("empty Keepers");
    let mut sdk = Sdk::start(&cluster, &cluster.keeper_peers()).await.expect("the Go program");

    secrets(&mut sdk).await;
    policies(&mut sdk).await;
    cipher(&mut sdk).await;
    recovery(&mut cluster, &mut sdk).await;

    // A Keeper of another authority would refuse the SDK's certificate: ask one of its own.
    let mut foreign = Sdk::start(&other, &other.keeper_peers()).await.expect("the Go program");
    assert_eq!(foreign.step("contribute").await.expect("ran"), [ok("Contribute")]);
    assert_eq!(sdk.step("contribute").await.expect("ran").len(), 1);
}

async fn secrets(sdk: &mut Sdk) {
    let two = json!({ "user": "root", "pass": "<&>\u{2028}ü" });
    let expected = [
        ok("PutSecret"),
        ok("PutSecret"),
        gives("GetSecret", two.clone()),
        gives("GetSecretVersion", json!({ "user": "root", "pass": "one" })),
        gives("ListSecretKeys", json!(["sdk/db"])),
        gives(
            "GetSecretMetadata",
            json!({ "versions": 2, "current": 2, "oldest": 1, "max": 10, "dated": true }),
        ),
        ok("DeleteSecretVersions"),
        ok("DeleteSecret"),
        fails("GetSecret", "api_not_found"),
        ok("UndeleteSecret"),
        gives("GetSecret", two),
        fails("GetSecret", "api_not_found"),
    ];
    assert_eq!(sdk.step("secrets").await.expect("ran"), expected);
}

async fn policies(sdk: &mut Sdk) {
    let item = json!([{ "id": "", "name": "sdk-read" }]);
    let denied = sdk.step("denied").await.expect("ran");
    let unauthorized = "access_unauthorized";
    assert_eq!(denied, ["GetSecret", "ListSecretKeys"].map(|c| fails(c, unauthorized)));
    let expected = [
        ok("CreatePolicy"),
        gives(
            "GetPolicy",
            json!({ "name": "sdk-read", "spiffeid": "^spiffe://spike\\.ist/workload/.*$",
                "path": "^sdk/.*$", "permissions": ["read"], "dated": true }),
        ),
        gives("ListPolicies", item.clone()),
        gives("ListAllPolicies", item),
        gives("GetSecret", json!({ "user": "root", "pass": "<&>\u{2028}ü" })),
        fails("PutSecret", unauthorized),
        ok("DeletePolicy"),
        fails("GetPolicy", "api_not_found"),
    ];
    assert_eq!(sdk.step("policies").await.expect("ran"), expected);
}

async fn cipher(sdk: &mut Sdk) {
    let calls = sdk.step("cipher").await.expect("ran");
    // Version byte, nonce and tag around five bytes.
    let expected = [
        gives("CipherEncryptStream", json!(1 + 12 + 5 + 16)),
        gives("CipherDecryptStream", json!("hello")),
        gives("CipherEncrypt", json!(5 + 16)),
        gives("CipherDecrypt", json!("hello")),
    ];
    assert_eq!(calls[..4], expected);
    assert!(calls[4].get("error").is_some(), "a changed tag is refused: {calls:?}");
    assert_eq!(sdk.step("verify").await.expect("ran"), [ok("Verify")]);
}

/// Recovery shards taken out, everything lost, the shards put back one by one.
async fn recovery(cluster: &mut Cluster, sdk: &mut Sdk) {
    assert_eq!(sdk.step("recover").await.expect("ran"), [gives("Recover", json!(3))]);

    cluster.power_cut().await.expect("killed");
    cluster.start_keepers().await.expect("empty Keepers");
    cluster.nexus.start().await.expect("a sealed Nexus");
    let sealed = sdk.step("read").await.expect("ran");
    assert_eq!(sealed, [fails("GetSecret", "state_not_ready")]);

    let progress = |collected: u8, remaining: u8, restored: bool| {
        let status =
            json!({ "collected": collected, "remaining": remaining, "restored": restored });
        gives("Restore", status)
    };
    let restored = sdk.step("restore").await.expect("ran");
    assert_eq!(restored, [progress(1, 1, false), progress(2, 0, true)]);
    cluster.nexus.ready().await.expect("ready");
    let read = sdk.step("read").await.expect("ran");
    assert!(read[0].get("value").is_some(), "{read:?}");
}
