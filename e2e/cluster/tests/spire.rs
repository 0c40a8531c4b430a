//! SPIRE's own server and agent give every program its identity, and take it back.

use std::{fs, path::PathBuf, process::Output};

use serde_json::Value;
use spike_e2e::{Cluster, Options, Server, program};
use spike_testbed_kubernetes::{Spire, until};
use tokio::process::Command;

/// SPIKE's default.
const DOMAIN: &str = "spike.ist";

/// A renewed SVID is good for this many seconds more than the one before: it was half used up.
const RENEWED: f64 = 10.0;

/// A cluster whose programs ask SPIRE's agent who they are, and `spike` for several people: SPIRE knows
/// a process by its program's file.
struct Scene {
    spire: Spire,
    cluster: Cluster,
}

impl Scene {
    async fn start() -> Self {
        let spire = Spire::start(DOMAIN).await.expect("SPIRE starts");
        let mut cluster = Cluster::prepare(Options::default()).await.expect("prepared");
        let (nexus, keeper) = (program("nexus"), program("keeper"));
        // One program with two identities takes the one that its task needs.
        for (role, program) in [("nexus", &nexus), ("bootstrap", &nexus), ("keeper", &keeper)] {
            spire.register(&id(role), program).await.expect("registered");
        }
        let endpoint = ("SPIFFE_ENDPOINT_SOCKET".to_owned(), endpoint(&spire));
        cluster.nexus.program.env.push(endpoint.clone());
        for keeper in &mut cluster.keepers {
            keeper.program.env.push(endpoint.clone());
        }
        let mut scene = Self { spire, cluster };
        let superuser = scene.person("superuser");
        scene.spire.register(&id("pilot/role/superuser"), &superuser).await.expect("registered");
        scene.cluster.start_keepers().await.expect("Keepers start");
        let mut bootstrap = Command::new(nexus);
        let environment = scene.cluster.nexus.program.env.clone();
        let audit = scene.cluster.folder().join("bootstrap.jsonl");
        bootstrap.arg("bootstrap").env_clear().envs(environment);
        bootstrap.env("SPIKE_AUDIT", format!("file:{}", audit.display()));
        let made = bootstrap.output().await.expect("runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        scene.cluster.nexus.start().await.expect("Nexus starts");
        scene.cluster.nexus.ready().await.expect("Nexus is ready");
        scene
    }

    /// A `spike` of a person's own.
    fn person(&self, name: &str) -> PathBuf {
        let file = self.cluster.folder().join(name).join("spike");
        if !file.exists() {
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::copy(program("spike"), &file).expect("copied");
        }
        file
    }

    async fn spike(&self, person: &str, arguments: &[&str]) -> Output {
        let mut spike = Command::new(self.person(person));
        let url = self.cluster.nexus_url();
        spike.env_clear().env("SPIFFE_ENDPOINT_SOCKET", endpoint(&self.spire));
        spike.env("SPIKE_NEXUS_API_URL", url).args(arguments).output().await.expect("runs")
    }

    /// What the superuser reads.
    async fn reads(&self, path: &str) -> String {
        let got = self.spike("superuser", &["secret", "get", path, "value"]).await;
        let said = [got.stdout, got.stderr].concat();
        String::from_utf8_lossy(&said).trim().to_owned()
    }

    async fn writes(&self, path: &str, value: &str) {
        let put = ["secret", "put", path, &format!("value={value}")];
        let out = self.spike("superuser", &put).await;
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
}

fn id(role: &str) -> String {
    format!("spiffe://{DOMAIN}/spike/{role}")
}

fn endpoint(spire: &Spire) -> String {
    format!("unix://{}", spire.socket().display())
}

/// Waits until a server's SVID is good for longer than it was.
async fn until_renewed(server: &Server) {
    let mut shortest = life(server).await.expect("it has an SVID");
    let grows = async || {
        let Some(now) = life(server).await else { return false };
        let longer = now > shortest + RENEWED;
        shortest = shortest.min(now);
        longer
    };
    until("its SVID is renewed", grows).await;
}

/// How long a server's SVID is still good for, by its metrics.
async fn life(server: &Server) -> Option<f64> {
    let (_, text) = server.probe("/metrics").await?;
    let line = text.lines().find(|line| line.starts_with("spike_svid_expiry_seconds"))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs SPIRE: make e2e builds and uses it"]
async fn everybody_is_who_spire_says_and_a_stranger_is_nobody() {
    let scene = Scene::start().await;
    scene.writes("db/password", "correct horse").await;
    assert_eq!(scene.reads("db/password").await, "correct horse");

    let refused = scene.spike("stranger", &["--timeout", "3s", "secret", "list"]).await;
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("is this workload registered?"), "{said}");

    // Known to SPIRE and still nobody to Nexus.
    let guest = scene.person("guest");
    scene.spire.register("spiffe://spike.ist/guest", &guest).await.expect("registered");
    let list = ["secret", "list"];
    until("Nexus refuses the guest", async || {
        scene.spike("guest", &list).await.status.code() == Some(3)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs SPIRE: make e2e builds and uses it"]
async fn an_svid_is_renewed_and_an_agent_may_be_away_for_a_while() {
    let mut scene = Scene::start().await;
    scene.writes("kept", "yes").await;
    for server in [&scene.cluster.nexus, &scene.cluster.keepers[0]] {
        until_renewed(server).await;
    }

    scene.spire.kill_agent().await.expect("killed");
    assert_eq!(scene.cluster.nexus.probe("/readyz").await.map(|(status, _)| status), Some(200));
    scene.spire.start_agent().await.expect("started");
    until_renewed(&scene.cluster.nexus).await;
    assert_eq!(scene.reads("kept").await, "yes");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs SPIRE: make e2e builds and uses it"]
async fn spire_changes_its_authority_and_nobody_notices() {
    let mut scene = Scene::start().await;
    scene.writes("kept", "yes").await;
    let old = authority(&scene.spire, &["show"], "active").await;
    let new = authority(&scene.spire, &["prepare"], "prepared_authority").await;
    let change = async |verb: &str, authority: &str| {
        let command = ["localauthority", "x509", verb, "-authorityID", authority];
        scene.spire.administer(&command).await.expect(verb)
    };
    change("activate", &new).await;
    change("taint", &old).await;
    until("the superuser reads by the new authority", async || scene.reads("kept").await == "yes")
        .await;
    change("revoke", &old).await;
    let bundle = scene.spire.administer(&["bundle", "show"]).await.expect("shown");
    assert_eq!(bundle.matches("BEGIN CERTIFICATE").count(), 1, "the old root is gone");
    until("it still reads", async || scene.reads("kept").await == "yes").await;

    // Nexus and the Keepers believe each other by the new root: it gets its key back.
    scene.cluster.nexus.kill().await.expect("killed");
    scene.cluster.nexus.start().await.expect("started");
    scene.cluster.nexus.ready().await.expect("unsealed");
    assert_eq!(scene.reads("kept").await, "yes");
}

/// The ID of one of SPIRE's authorities, in what a command answers.
async fn authority(spire: &Spire, command: &[&str], which: &str) -> String {
    let command = [&["localauthority", "x509"], command, &["-output", "json"]].concat();
    let said = spire.administer(&command).await.expect("answers");
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let id = said.pointer(&format!("/{which}/authority_id")).and_then(Value::as_str);
    id.expect("there is one").to_owned()
}
