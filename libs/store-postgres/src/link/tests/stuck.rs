//! Commits that wait for a standby that is gone.

use spike_testbed_postgres::Replication;

use super::*;

#[tokio::test]
async fn commits_that_wait_for_a_lost_standby_are_never_acknowledged_and_take_no_more_than_their_share()
 {
    let primary = server().await;
    let mut standby = primary.standby(Replication::Synchronous).await.expect("a standby");
    primary.execute("CREATE TABLE t (n int); GRANT ALL ON t TO spike").await.unwrap();
    let url = format!("{}?connections=6", primary.url("spike"));
    let link = Link::open(with(&primary, &url)).await.expect("open");
    let insert = "INSERT INTO public.t VALUES (1)";
    write(&link, insert, soon()).await.expect("written");
    standby.stop().await.unwrap();

    // Longer than a statement may take: that limit must not end the wait with an acknowledgement.
    let patience = Instant::now() + Duration::from_secs(12);
    let writes = (0..2).map(|_| write(&link, insert, patience));
    for error in futures::future::join_all(writes).await {
        assert!(matches!(error, Err(StoreError::Ambiguous { .. })), "{error:?}");
    }
    for _ in 0..5 {
        let late = Instant::now() + Duration::from_millis(200);
        let error = write(&link, insert, late).await.expect_err("no connection is left");
        assert!(matches!(error, StoreError::Unavailable { retryable: true, .. }), "{error:?}");
    }
    assert_eq!(link.pool().stuck, 2);
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'spike-nexus'";
    assert!(primary.ask(ours).await.unwrap().parse::<u32>().unwrap() <= 6);
    assert_eq!(ask(&link, "SELECT count(*) FROM public.t").await.expect("reads go on"), "1");

    standby.start_again().await.unwrap();
    write(&link, insert, soon()).await.expect("written");
    let end = soon();
    while link.pool().stuck > 0 {
        assert!(Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(ask(&link, "SELECT count(*) FROM public.t").await.unwrap(), "4");
}

#[tokio::test]
async fn a_stuck_write_keeps_its_place_until_the_server_says_that_it_is_over() {
    let primary = server().await;
    let mut standby = primary.standby(Replication::Synchronous).await.expect("a standby");
    primary.execute("CREATE TABLE t (n int); GRANT ALL ON t TO spike").await.unwrap();
    let url = format!("{}?connections=6", primary.url("spike"));
    let link = Link::open(with(&primary, &url)).await.expect("open");
    standby.stop().await.unwrap();
    let brief = Instant::now() + Duration::from_millis(500);
    write(&link, "INSERT INTO public.t VALUES (1)", brief).await.expect_err("it waits");

    // Neither a new era nor a server that can't be asked says so.
    let era = link.state().era.clone().expect("there is one");
    link.retire(&era, &"a test");
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(link.pool().stuck, 1);
    let local = "SET synchronous_commit = local; ALTER ROLE spike CONNECTION LIMIT";
    primary.execute(format!("{local} 0")).await.unwrap();
    let era = link.state().era.clone().expect("the question found it");
    link.retire(&era, &"a test");
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(link.pool().stuck, 1);

    primary.execute(format!("{local} -1")).await.unwrap();
    standby.start_again().await.unwrap();
    let end = soon();
    while link.pool().stuck > 0 {
        assert!(Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_write_whose_server_is_gone_gives_its_place_back() {
    let mut server = server().await;
    let url = format!("{}?connections=3", server.url("spike"));
    let link = Link::open(with(&server, &url)).await.expect("open");
    let brief = Instant::now() + Duration::from_millis(300);
    let slow = write(&link, "SELECT pg_sleep(9)", brief).await;
    assert!(matches!(slow, Err(StoreError::Ambiguous { .. })), "{slow:?}");
    assert_eq!(link.pool().stuck, 1);
    server.kill().await.unwrap();
    server.start_again().await.unwrap();
    write(&link, "SELECT 1", soon())
        .await
        .or(write(&link, "SELECT 1", soon()).await)
        .expect("done");
    assert_eq!(link.pool().stuck, 0);
}
