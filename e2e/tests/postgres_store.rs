//! A Nexus on PostgreSQL from an administrator's view: roles, schema, what it may do, what it tells.

#![allow(clippy::indexing_slicing, reason = "a test may panic")]

use std::{
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use serde_json::json;
use spike_e2e::{Answer, Caller, Cluster, Options, Postgres, Store, program, until};
use spike_testbed_postgres::{Options as ServerOptions, Replication, Server};

const ROLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/postgres/roles.sql");

/// A server as the script of the repository leaves it.
async fn server() -> Server {
    let options = ServerOptions { bare: true, ..ServerOptions::default() };
    let server = Server::start(options).await.expect("a server");
    server.psql(Path::new(ROLES)).await.expect("roles");
    let open = "SELECT count(*) FROM pg_authid WHERE rolname ~ '^spike_' AND rolpassword IS NULL";
    assert_eq!(server.ask(open).await.expect("asked"), "2", "passwords are set afterwards");
    for role in ["spike_owner", "spike_nexus"] {
        server.set_password(role, &Server::password(role)).await.expect("a password");
    }
    server
}

/// A cluster whose Nexus bootstraps by itself: nothing else waits for a schema.
async fn cluster(server: &Server) -> Cluster {
    let ca = server.ca_file().display().to_string();
    let store = Store::Postgres(Postgres {
        urls: vec![server.url("spike_nexus")],
        env: vec![("SPIKE_NEXUS_STORE_CA_FILE".to_owned(), ca)],
        owner: server.url("spike_owner"),
    });
    let mut cluster =
        Cluster::prepare(Options { store, ..Options::default() }).await.expect("a cluster");
    cluster.nexus.program.args = ["serve", "--bootstrap"].map(str::to_owned).into();
    cluster.start_keepers().await.expect("keepers");
    cluster
}

fn schema(server: &Server, role: &str, args: &[&str]) -> Output {
    Command::new(program("nexus"))
        .args(["store", "schema"])
        .args(args)
        .env_clear()
        .env("SPIKE_NEXUS_STORE_URL", server.url(role))
        .env("SPIKE_NEXUS_STORE_CA_FILE", server.ca_file())
        .output()
        .expect("it runs")
}

fn told(out: &Output, success: bool) -> String {
    let text = [&out.stdout, &out.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    let text = text.concat();
    assert_eq!(out.status.success(), success, "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    text
}

async fn post(cluster: &Cluster, caller: &Caller, path: &str, body: serde_json::Value) -> Answer {
    let url = format!("{}{path}", cluster.nexus_url());
    caller.post(&url, body).await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nexus_waits_for_its_schema_and_says_how_it_is_made() {
    let server = server().await;
    let mut cluster = cluster(&server).await;
    cluster.nexus.start().await.expect("alive");
    until("it says what it waits for", async || {
        cluster.nexus.log().contains("run `nexus store schema expand` as the owner")
    })
    .await;
    assert_eq!(cluster.nexus.probe("/readyz").await.expect("an answer").0, 503);

    assert!(told(&schema(&server, "spike_nexus", &["status"]), true).contains("no schema"));
    let denied = told(&schema(&server, "spike_nexus", &["expand"]), false);
    assert!(denied.contains("42501") && denied.contains("owner"), "{denied}");
    told(&schema(&server, "spike_owner", &["expand", "--check-config"]), true);
    assert!(told(&schema(&server, "spike_owner", &["status"]), true).contains("no schema"));
    told(&schema(&server, "spike_owner", &["expand"]), true);
    let lonely = told(&schema(&server, "spike_owner", &["status"]), true);
    assert!(lonely.contains("No role may serve but the owner; next:"), "{lonely}");
    let barred = told(&schema(&server, "spike_nexus", &["status"]), false);
    assert!(barred.contains("42501") && barred.contains("expand --grant"), "{barred}");
    until("it waits for its rights", async || cluster.nexus.log().contains("42501")).await;
    // Who may only look, may not serve.
    let auditor = "CREATE ROLE auditor; GRANT USAGE ON SCHEMA spike TO auditor; \
                   GRANT SELECT ON ALL TABLES IN SCHEMA spike TO auditor";
    server.execute(auditor).await.expect("a role");
    let expanded = schema(&server, "spike_owner", &["expand", "--grant", "spike_nexus"]);
    let expanded = told(&expanded, true);
    assert!(expanded.contains("The schema is 1"), "{expanded}");
    assert!(expanded.contains("Beside the owner, spike_nexus may serve"), "{expanded}");
    cluster.nexus.ready().await.expect("ready, without a restart");
    // Twice is once.
    let again = schema(&server, "spike_owner", &["expand", "--grant", "spike_nexus"]);
    assert_eq!(told(&again, true), told(&schema(&server, "spike_nexus", &["status"]), true));
    told(&schema(&server, "spike_owner", &["contract"]), true);
    it_gives_up_in_time(&server).await;
    let nobody = told(&schema(&server, "spike_owner", &["expand", "--grant", "nobody"]), false);
    assert!(nobody.contains(r#"no role "nobody""#) && nobody.contains("roles.sql"), "{nobody}");

    everything_works(&cluster).await;
    nothing_is_altered(&server).await;
    it_tells_of_its_store(&server, &cluster).await;
    assert!(!cluster.nexus.log().contains("hunter2"), "{}", cluster.nexus.log());
}

/// Another change of the schema goes on and on.
async fn it_gives_up_in_time(server: &Server) {
    let other = server.execute("SELECT pg_advisory_lock(358368242533), pg_sleep(600)");
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
    let ours = async {
        until("it goes on", async || server.ask(locks).await.expect("asked") == "1").await;
        told(&schema(server, "spike_owner", &["expand", "--timeout", "1s"]), false)
    };
    let late = tokio::select! {
        late = ours => late,
        ended = other => unreachable!("it ended: {ended:?}"),
    };
    assert!(late.contains("not done within 1s") && late.contains("pg_stat_activity"), "{late}");
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory'";
    server.ask(end).await.expect("asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nexus_that_starts_while_its_store_is_away_says_so_and_to_whom_it_may_why() {
    let mut server = server().await;
    told(&schema(&server, "spike_owner", &["expand", "--grant", "spike_nexus"]), true);
    let mut cluster = cluster(&server).await;
    for (name, value) in &mut cluster.nexus.program.env {
        if name == "SPIKE_NEXUS_STORE_URL" {
            value.push_str("?sslmode=require");
        }
    }
    server.stop().await.expect("away");
    cluster.nexus.start().await.expect("alive");

    let why = "nothing listens there";
    until("it tells which roles may know why", async || {
        let told = cluster.spike("operator", &["status"]).await.expect("ran");
        String::from_utf8_lossy(&told.stdout).contains(why)
    })
    .await;
    let port = format!(":{}", server.port());
    let status = cluster.told("superuser", &["status", "--timeout", "20s"], 6).await;
    let (first, rest) = status.split_once('\n').expect("lines");
    assert!(first.starts_with("sealed"), "{first}");
    assert!(rest.contains(&format!("postgres, unreachable: {why}")), "{rest}");
    assert!(rest.contains("Policies  not known yet") && !rest.contains(&port), "{rest}");
    for path in ["/readyz", "/statusz"] {
        let (_, told) = cluster.nexus.probe(path).await.expect("an answer");
        assert!(told.contains("store_unavailable"), "{path}: {told}");
        assert!(!told.contains(why) && !told.contains(&port), "{path}: {told}");
    }
    let refused = cluster.told("superuser", &["secret", "get", "t/a"], 6).await;
    assert!(refused.contains("state_not_ready"), "{refused}");
    let root = cluster.caller("superuser").await.expect("a caller");
    let url = format!("{}/v2/keys", cluster.nexus_url());
    let keys = root.send("GET", &url, "", Vec::new()).await.expect("an answer");
    assert_eq!(keys.status, 503, "{}", keys.text());
    assert!(keys.text().contains("state/not_ready"), "{}", keys.text());
    assert!(keys.text().contains("the store can't be reached"), "{}", keys.text());

    // Several tries later it has complained once of the same thing.
    tokio::time::sleep(Duration::from_secs(3)).await;
    server.start_again().await.expect("back");
    cluster.nexus.ready().await.expect("ready, without a restart");
    let log = cluster.nexus.log();
    assert_eq!(log.matches("sslmode=require: anyone on the way").count(), 1, "{log}");
    let waits = format!("waits for the store: the store is unavailable: localhost{port}: {why}");
    assert_eq!(log.matches(&waits).count(), 1, "{log}");
    everything_works(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_no_waiting_helps_ends_a_nexus_with_the_reason() {
    let server = server().await;
    let theirs = "CREATE SCHEMA spike; CREATE TABLE spike.theirs (); \
                  GRANT USAGE ON SCHEMA spike TO spike_nexus";
    server.execute(theirs).await.expect("made");
    let mut cluster = cluster(&server).await;
    // It may have ended already.
    let _ = cluster.nexus.start().await;
    let ended = cluster.nexus.ready().await.expect_err("it can't serve").to_string();
    assert!(ended.contains("Error: not usable as a store: the database spike"), "{ended}");
}

/// Each kind of statement that serving takes, as the role that may do nothing else.
async fn everything_works(cluster: &Cluster) {
    let root = cluster.caller("superuser").await.expect("a caller");
    let (secret, policy) = ("/v1/store/secrets", "/v1/acl/policy");
    let rule = json!({
        "name": "p", "spiffeidPattern": "^spiffe://spike.ist/workload/other$",
        "pathPattern": "^t/a$", "permissions": ["read"],
    });
    for (path, body) in [
        (secret, json!({ "path": "t/a", "values": { "k": "v" } })),
        (secret, json!({ "path": "t/a", "values": { "k": "w" } })),
        (policy, rule.clone()),
        (policy, rule),
    ] {
        assert_eq!(post(cluster, &root, path, body).await.status, 200);
    }
    let workload = cluster.caller("workload").await.expect("a caller");
    let at = json!({ "path": "t/a" });
    let read = post(cluster, &workload, "/v1/store/secrets?action=get", at.clone()).await;
    assert_eq!(read.text(), r#"{"data":{"k":"w"}}"#);
    for (path, body) in [
        ("/v1/store/secrets?action=delete", at.clone()),
        ("/v1/store/secrets?action=undelete", json!({ "path": "t/a", "versions": [2] })),
        ("/v1/store/secrets?action=list", json!({})),
        ("/v1/store/secrets/metadata?action=get", at.clone()),
        ("/v1/acl/policy?action=delete", json!({ "id": "p" })),
    ] {
        assert_eq!(post(cluster, &root, path, body).await.status, 200, "{path}");
    }
    let denied = post(cluster, &workload, "/v1/store/secrets?action=get", at).await;
    assert_eq!(denied.status, 401);
}

/// What the role that serves is refused by the server itself, whoever stole its password.
async fn nothing_is_altered(server: &Server) {
    for statement in [
        "ALTER TABLE spike.heads ADD COLUMN x int",
        "ALTER TABLE spike.documents DISABLE TRIGGER ALL",
        "DROP TABLE spike.records",
        "DROP SCHEMA spike CASCADE",
        "TRUNCATE spike.write_keys",
        "DELETE FROM spike.heads",
        "DELETE FROM spike.epochs",
        "INSERT INTO spike.epochs SELECT * FROM spike.epochs",
        "CREATE TABLE spike.mine ()",
        "CREATE TABLE public.mine ()",
        "CREATE SCHEMA mine",
        "CREATE OR REPLACE FUNCTION spike.refuse() RETURNS trigger LANGUAGE sql AS 'SELECT 1'",
        "GRANT ALL ON spike.heads TO PUBLIC",
        "SET ROLE spike_owner",
        "CREATE ROLE mine",
    ] {
        let as_nexus = format!("SET SESSION AUTHORIZATION spike_nexus; {statement}");
        // A grant that grants nothing is only warned of.
        let refused = server.execute(as_nexus).await;
        let rights = "SELECT count(*) FROM information_schema.role_table_grants \
                      WHERE grantee = 'PUBLIC' AND table_schema = 'spike'";
        assert_eq!(server.ask(rights).await.expect("asked"), "0");
        if !statement.starts_with("GRANT") {
            let error = format!("{:#}", refused.expect_err(statement));
            let told = ["permission denied", "must be owner"].map(|text| error.contains(text));
            assert!(told.contains(&true), "{statement}: {error}");
        }
    }
}

async fn it_tells_of_its_store(server: &Server, cluster: &Cluster) {
    let (_, metrics) = cluster.nexus.probe("/metrics").await.expect("metrics");
    for state in ["idle", "busy", "opening", "stuck"] {
        let line = format!("spike_store_pool{{state=\"{state}\"}}");
        assert!(metrics.contains(&line), "{line} isn't in {metrics}");
    }
    let status = async || {
        let out = cluster.spike("superuser", &["status"]).await.expect("ran");
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let text = status().await;
    assert!(text.contains("synchronous_standby_names") && text.contains("postgres"), "{text}");
    let _standby = server.standby(Replication::Synchronous).await.expect("a standby");
    until("the warning goes", async || !status().await.contains("synchronous_standby_names")).await;
}
