//! The servers do what the tests of others rely on.

use std::{fs, process::Command, time::Duration};

use spike_testbed_postgres::{Disk, Options, Replication, Server};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::time::timeout;

async fn server() -> Server {
    Server::start(Options::default()).await.expect("started")
}

fn verified(server: &Server) -> PgConnectOptions {
    let options: PgConnectOptions = server.url("spike").parse().expect("a URL");
    options.ssl_mode(sqlx::postgres::PgSslMode::VerifyFull).ssl_root_cert(server.ca_file())
}

#[tokio::test]
async fn a_role_comes_in_encrypted_and_by_password_only() {
    let server = server().await;
    let mut connection = PgConnection::connect_with(&verified(&server)).await.expect("connected");
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let encrypted: bool = sqlx::query_scalar(encrypted).fetch_one(&mut connection).await.unwrap();
    assert!(encrypted);
    let wrong = verified(&server).password("wrong");
    assert!(PgConnection::connect_with(&wrong).await.is_err());

    let own = server.ca_file().with_extension("old");
    fs::copy(server.ca_file(), &own).unwrap();
    server.secure(&["localhost"]).unwrap();
    server.reload().await.unwrap();
    let old = verified(&server).ssl_root_cert(own);
    assert!(PgConnection::connect_with(&old).await.is_err(), "another authority's");
    PgConnection::connect_with(&verified(&server)).await.expect("connected");
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_kill() {
    let mut server = server().await;
    server.execute("CREATE TABLE t AS SELECT 7 AS n").await.unwrap();
    server.kill().await.unwrap();
    assert!(server.ask("SELECT 1").await.is_err());
    server.start_again().await.unwrap();
    assert_eq!(server.ask("SELECT n FROM t").await.unwrap(), "7");
    server.restart().await.unwrap();
    assert_eq!(server.ask("SELECT n FROM t").await.unwrap(), "7");
}

#[tokio::test]
async fn a_paused_server_answers_nothing_until_it_is_resumed() {
    let server = server().await;
    let mut early = PgConnection::connect_with(&verified(&server)).await.expect("connected");
    let brief = Duration::from_millis(300);

    server.pause_backends().unwrap();
    assert!(timeout(brief, early.ping()).await.is_err());
    PgConnection::connect_with(&verified(&server)).await.expect("a new connection is served");
    server.resume().unwrap();
    drop(early);

    server.pause().unwrap();
    assert!(timeout(brief, PgConnection::connect_with(&verified(&server))).await.is_err());
    server.resume().unwrap();
    PgConnection::connect_with(&verified(&server)).await.expect("connected");
}

#[tokio::test]
async fn a_synchronous_standby_has_every_commit_and_takes_over() {
    let mut primary = server().await;
    let standby = primary.standby(Replication::Synchronous).await.expect("a standby");
    assert_eq!(standby.ask("SELECT pg_is_in_recovery()").await.unwrap(), "t");
    primary.execute("CREATE TABLE t AS SELECT 7 AS n").await.unwrap();
    primary.kill().await.unwrap();
    standby.promote().await.unwrap();
    assert_eq!(standby.ask("SELECT n FROM t").await.unwrap(), "7");
    standby.execute("INSERT INTO t VALUES (8)").await.unwrap();
    PgConnection::connect_with(&verified(&standby)).await.expect("the same authority");
}

#[tokio::test]
async fn a_small_disk_gets_full() {
    if !Disk::can_be_small() {
        println!("skipped: this user may not mount filesystems");
        return;
    }
    let disk = Disk::Data(100);
    let server = Server::start(Options { disk, ..Options::default() }).await.expect("started");
    let fill =
        "CREATE TABLE t AS SELECT repeat(random()::text, 50) FROM generate_series(1, 200000)";
    let error = server.execute(fill).await.expect_err("full");
    assert!(format!("{error:#}").contains("No space left on device"), "{error:#}");
}

/// In another process, which is killed; not a test of its own.
#[tokio::test]
#[ignore = "started by the next test"]
async fn holds_a_server_until_it_is_killed() {
    let server = server().await;
    let pid = server.ask("SELECT pg_read_file('postmaster.pid')").await.unwrap();
    println!("postmaster {}", pid.lines().next().unwrap());
    std::future::pending::<()>().await;
}

#[test]
fn a_server_ends_with_a_test_that_is_killed() {
    use std::io::{BufRead, BufReader};

    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "holds_a_server_until_it_is_killed"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let said = lines
        .map_while(Result::ok)
        .find_map(|line| line.split("postmaster ").nth(1).map(|pid| pid.trim().to_owned()));
    let process = format!("/proc/{}/cmdline", said.expect("a postmaster"));
    assert!(fs::read_to_string(&process).unwrap().contains("postgres"));
    holder.kill().unwrap();
    holder.wait().unwrap();
    let gone = || fs::read_to_string(&process).map_or(true, |line| line.is_empty());
    let end = std::time::Instant::now() + Duration::from_secs(30);
    while !gone() {
        assert!(std::time::Instant::now() < end, "it outlives its test");
        std::thread::sleep(Duration::from_millis(50));
    }
}
