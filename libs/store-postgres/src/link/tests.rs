//! Connections to real servers.

mod refusals;
mod rotation;
mod servers;
mod stuck;

use std::time::Duration;

use spike_store::Result;
use spike_testbed_postgres::{Options as ServerOptions, Server};
use sqlx::{AssertSqlSafe, Row};
use tokio::time::{Instant, timeout_at};

use super::*;

/// Generous: machines are shared.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

async fn server() -> Server {
    Server::start(ServerOptions::default()).await.expect("started")
}

/// As an operator would write it.
fn options(server: &Server) -> Options {
    with(server, &server.url("spike"))
}

fn with(server: &Server, url: &str) -> Options {
    Options::parse(url).expect("right").ca_file(server.ca_file())
}

async fn open(server: &Server) -> Link {
    Link::open(options(server)).await.expect("open")
}

/// The first column of the first row, as text.
async fn ask(link: &Link, sql: &str) -> Result<String> {
    ask_until(link, sql, soon()).await
}

async fn ask_until(link: &Link, sql: &str, deadline: Instant) -> Result<String> {
    let mut lent = link.reader(deadline).await?;
    let asked = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    let asked = timeout_at(lent.due(), asked.fetch_one(&mut *lent)).await;
    let row = lent.answered(asked)?;
    Ok(row.try_get_unchecked(0).expect("text"))
}

async fn write(link: &Link, sql: &str, deadline: Instant) -> Result<()> {
    let mut lent = link.writer(deadline).await?;
    let asked = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    let asked = timeout_at(lent.due(), asked.execute(&mut *lent)).await;
    lent.committed(asked)?;
    Ok(())
}

/// Asks until the link answers again.
async fn recovered(link: &Link, sql: &str) -> String {
    let end = soon();
    loop {
        match ask(link, sql).await {
            Ok(answer) => return answer,
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

const PROCESS: &str = "SELECT pg_backend_pid()";

#[tokio::test]
async fn a_connection_that_answered_is_used_again_and_one_that_was_left_is_not() {
    let server = server().await;
    let link = open(&server).await;
    let first = ask(&link, PROCESS).await.expect("answered");
    assert_eq!(ask(&link, PROCESS).await.expect("answered"), first);
    assert_eq!(link.pool(), PoolState { idle: 1, ..PoolState::default() });

    ask(&link, "SELECT 1/0").await.expect_err("an error, and an answer");
    assert_eq!(ask(&link, PROCESS).await.expect("answered"), first);

    let mut left = link.reader(soon()).await.expect("lent");
    assert_eq!(link.pool(), PoolState { busy: 1, ..PoolState::default() });
    let brief = Instant::now() + Duration::from_millis(50);
    let slow = timeout_at(brief, sqlx::raw_sql("SELECT pg_sleep(1)").execute(&mut *left)).await;
    assert!(slow.is_err());
    drop(left);
    assert_ne!(ask(&link, PROCESS).await.expect("answered"), first);
}

#[tokio::test]
async fn a_transaction_that_was_left_never_happened() {
    let server = server().await;
    server.execute("CREATE TABLE t (n int); GRANT ALL ON t TO spike").await.expect("made");
    let link = open(&server).await;
    let mut lent = link.writer(soon()).await.expect("lent");
    for step in ["BEGIN", "INSERT INTO public.t VALUES (1)"] {
        let asked = timeout_at(lent.due(), sqlx::raw_sql(step).execute(&mut *lent)).await;
        lent.step(asked).expect("done");
    }
    drop(lent);
    write(&link, "INSERT INTO public.t VALUES (2)", soon()).await.expect("written");
    assert_eq!(ask(&link, "SELECT string_agg(n::text, ' ') FROM public.t").await.unwrap(), "2");
}

#[tokio::test]
async fn a_session_is_as_we_need_it_whatever_the_server_its_role_and_its_database_say() {
    let server = server().await;
    server.set("synchronous_commit", "off").await.expect("set");
    for (of, setting) in [
        ("ROLE spike", "statement_timeout = '1ms'"),
        ("ROLE spike", "search_path = 'evil'"),
        ("ROLE spike", "idle_session_timeout = '1ms'"),
        ("DATABASE spike", "default_transaction_isolation = 'serializable'"),
        ("ROLE spike IN DATABASE spike", "synchronous_commit = 'local'"),
    ] {
        server.execute(format!("ALTER {of} SET {setting}")).await.expect("altered");
    }
    let link = open(&server).await;
    for (setting, value) in [
        ("synchronous_commit", "on"),
        ("statement_timeout", "10s"),
        ("lock_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "10s"),
        ("default_transaction_isolation", "read committed"),
        ("idle_session_timeout", "0"),
        ("search_path", "spike, pg_temp"),
        ("application_name", "spike-nexus"),
    ] {
        let shown = ask(&link, &format!("SELECT current_setting('{setting}')")).await;
        assert_eq!(shown.expect("answered"), value, "{setting}");
    }
}

#[tokio::test]
async fn a_crowd_shares_the_connections_that_the_url_allows() {
    let server = server().await;
    let url = format!("{}?connections=6", server.url("spike"));
    let link = Link::open(with(&server, &url)).await.expect("open");
    let crowd = (0..60).map(|n| {
        let link = link.clone();
        async move {
            let sql = "SELECT pg_sleep(0.02)";
            if n % 3 == 0 {
                write(&link, sql, soon()).await.expect("answered");
            } else {
                ask(&link, sql).await.expect("answered");
            }
        }
    });
    futures::future::join_all(crowd).await;
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'spike-nexus'";
    let most: u32 = server.ask(ours).await.unwrap().parse().unwrap();
    assert!((2..=6).contains(&most), "{most}");
    assert_eq!(link.pool().idle, most);
}

#[tokio::test]
async fn reads_that_take_all_their_connections_leave_the_writers_theirs() {
    let server = server().await;
    let url = format!("{}?connections=3", server.url("spike"));
    let link = Link::open(with(&server, &url)).await.expect("open");
    let taken = [link.reader(soon()).await, link.reader(soon()).await].map(Result::unwrap);
    let late = Instant::now() + Duration::from_millis(100);
    let error = link.reader(late).await.err().expect("none is left").to_string();
    assert!(error.contains("all connections for reads are in use"), "{error}");
    write(&link, "SELECT 1", soon()).await.expect("written");
    drop(taken);
    ask(&link, "SELECT 1").await.expect("answered");
}

#[tokio::test]
async fn a_closed_link_lends_nothing_and_leaves_nothing_behind() {
    let server = server().await;
    let link = open(&server).await;
    ask(&link, "SELECT 1").await.expect("answered");
    link.close().await;
    let error = ask(&link, "SELECT 1").await.expect_err("closed");
    assert!(matches!(error, StoreError::Unavailable { retryable: false, .. }), "{error}");
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'spike-nexus'";
    let end = soon();
    while server.ask(ours).await.unwrap() != "0" {
        assert!(Instant::now() < end);
    }
}
