//! Servers that die, fall silent, are promoted or come back.

use spike_testbed_postgres::Replication;

use super::*;

#[tokio::test]
async fn a_server_that_was_killed_is_used_again_when_it_is_back() {
    let mut server = server().await;
    let link = open(&server).await;
    ask(&link, "SELECT 1").await.expect("answered");
    server.kill().await.unwrap();
    for _ in 0..3 {
        let error = ask(&link, "SELECT 1").await.expect_err("gone");
        assert!(matches!(error, StoreError::Unavailable { retryable: true, .. }), "{error:?}");
    }
    server.start_again().await.unwrap();
    recovered(&link, "SELECT 1").await;
}

#[tokio::test]
async fn one_process_that_ends_takes_one_answer_with_it() {
    let server = server().await;
    let link = open(&server).await;
    let process = ask(&link, PROCESS).await.expect("answered");
    server.execute(format!("SELECT pg_terminate_backend({process}, 10000)")).await.unwrap();
    let error = ask(&link, PROCESS).await.expect_err("ended");
    assert!(matches!(error, StoreError::Unavailable { retryable: true, .. }), "{error:?}");
    ask(&link, PROCESS).await.expect("on another");
}

#[tokio::test]
async fn a_connection_that_fell_silent_costs_one_patience_and_takes_its_siblings_with_it() {
    let server = server().await;
    let link = open(&server).await;
    let silent: Vec<_> =
        futures::future::join_all((0..3).map(|_| link.reader(soon()))).await.into_iter().collect();
    for lent in silent {
        let mut lent = lent.expect("lent");
        let asked = timeout_at(lent.due(), sqlx::raw_sql(PROCESS).execute(&mut *lent)).await;
        lent.answered(asked).expect("answered");
    }
    assert_eq!(link.pool().idle, 3);
    server.pause_backends().unwrap();
    let hurry = Instant::now() + Duration::from_millis(50);
    ask_until(&link, "SELECT 1", hurry).await.expect_err("silent");
    assert_eq!(link.pool().idle, 2, "nothing was proved yet");
    let error = ask(&link, "SELECT 1").await.expect_err("silent").to_string();
    assert!(error.contains("didn't answer in time"), "{error}");
    ask(&link, "SELECT 1").await.expect("over a fresh connection");
    assert_eq!(link.pool().idle, 1);
    server.resume().unwrap();
}

#[tokio::test]
async fn a_promoted_standby_is_found_and_the_old_primary_is_not_believed_any_more() {
    let mut first = server().await;
    let mut second = first.standby(Replication::Synchronous).await.expect("a standby");
    let hosts = format!("localhost:{},localhost:{}", second.port(), first.port());
    let url = first.url("spike").replace(&format!("localhost:{}", first.port()), &hosts);
    let link = Link::open(with(&first, &url)).await.expect("open");
    let port = "SELECT current_setting('port')";
    assert_eq!(ask(&link, port).await.unwrap(), first.port().to_string());

    first.kill().await.unwrap();
    ask(&link, port).await.expect_err("its connection is gone");
    let error = ask(&link, port).await.expect_err("no primary").to_string();
    assert!(error.contains("no host is a primary") && error.contains("a standby"), "{error}");
    second.promote().await.unwrap();
    assert_eq!(recovered(&link, port).await, second.port().to_string());
    write(&link, "CREATE SCHEMA there", soon()).await.expect("written");

    // Nobody fenced it: it comes back and thinks that it is still the primary.
    first.start_again().await.unwrap();
    first.set("synchronous_standby_names", "").await.unwrap();
    assert_eq!(first.ask("SELECT pg_is_in_recovery()").await.unwrap(), "f");
    second.kill().await.unwrap();
    ask(&link, port).await.expect_err("gone");
    let error = ask(&link, port).await.expect_err("no primary").to_string();
    assert!(error.contains("an old primary"), "{error}");
    second.start_again().await.unwrap();
    assert_eq!(recovered(&link, port).await, second.port().to_string());
}

#[tokio::test]
async fn a_primary_that_became_read_only_is_left_for_the_one_that_takes_writes() {
    let first = server().await;
    let second = first.standby(Replication::Asynchronous).await.expect("a standby");
    let hosts = format!("localhost:{},localhost:{}", first.port(), second.port());
    let url = first.url("spike").replace(&format!("localhost:{}", first.port()), &hosts);
    let link = Link::open(with(&first, &url)).await.expect("open");
    second.promote().await.unwrap();
    // How some fence: sessions that are open find out by their next write.
    first.set("default_transaction_read_only", "on").await.unwrap();
    let schema = "CREATE SCHEMA there";
    let end = soon();
    while let Err(error) = write(&link, schema, soon()).await {
        assert!(matches!(error, StoreError::Unavailable { retryable: true, .. }), "{error:?}");
        assert!(Instant::now() < end, "{error}");
    }
    let there = "SELECT count(*) FROM pg_namespace WHERE nspname = 'there'";
    assert_eq!(second.ask(there).await.unwrap(), "1");
    assert_eq!(first.ask(there).await.unwrap(), "0");
}

#[tokio::test]
async fn a_full_disk_is_told_and_reads_go_on() {
    use spike_testbed_postgres::Disk;

    if !Disk::can_be_small() {
        println!("skipped: this user may not mount filesystems");
        return;
    }
    let disk = Disk::Data(110);
    let server = Server::start(ServerOptions { disk, ..ServerOptions::default() }).await.unwrap();
    server.execute("CREATE TABLE t (b text); GRANT ALL ON t TO spike").await.unwrap();
    let link = open(&server).await;
    let rows =
        "INSERT INTO public.t SELECT repeat(random()::text, 99) FROM generate_series(1, 9999)";
    let end = soon();
    let error = loop {
        match write(&link, rows, soon()).await {
            Ok(()) => assert!(Instant::now() < end, "it takes everything"),
            Err(error) => break error,
        }
    };
    // The log's own disk space may be what ends first: then the server goes down, and recovers.
    let full = error.to_string().contains("disk is full");
    assert!(full || matches!(error, StoreError::Ambiguous { .. }), "{error:?}");
    if full {
        ask(&link, "SELECT count(*) FROM public.t").await.expect("answered");
    }
}
