//! Servers that are restarted, and standbys that take over, under an open store.

mod world;

use std::time::Duration;

use spike_store::{
    Manage, Secrets, Select, StoreError,
    conformance::samples::{batch, call, path, revision, step},
};
use spike_store_postgres::{Options, PostgresStore};
use spike_testbed_postgres::{Replication, Server};
use tokio::time::{Instant, sleep};

use self::world::{RUNTIME, World};

#[tokio::test]
async fn no_read_fails_because_the_server_was_restarted_in_between() {
    let mut world = World::new().await;
    let database = world.database().await;
    let store = world.open(&database).await.expect("open");
    let read = || async {
        let calls = (0..5).map(|_| async { store.read(&call(), &[]).await });
        for answer in futures::future::join_all(calls).await {
            answer.expect("an answer");
        }
    };
    read().await;
    world.server.restart().await.expect("restarted");
    read().await;
    world.server.kill().await.expect("killed");
    world.server.start_again().await.expect("recovered");
    read().await;
}

#[tokio::test]
async fn no_read_fails_because_its_connection_fell_silent() {
    let world = World::new().await;
    let database = world.database().await;
    let store = world.open(&database).await.expect("open");
    store.read(&call(), &[]).await.expect("an answer");
    world.server.pause_backends().expect("paused");
    let answer = store.read(&call(), &[]).await;
    world.server.resume().expect("resumed");
    answer.expect("over a fresh connection");
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_not_waited_for_for_ever() {
    let world = World::new().await;
    let database = world.database().await;
    let mut other = world.connect(&database, world::OWNER).await;
    sqlx::raw_sql("BEGIN; LOCK TABLE spike.epochs").execute(&mut other).await.expect("locked");
    let error = world.open(&database).await.expect_err("no answer");
    assert!(matches!(error, StoreError::Unavailable { retryable: true, .. }), "{error:?}");
    assert!(error.to_string().contains("in time"), "{error}");
}

#[tokio::test]
async fn a_server_that_may_forget_what_it_wrote_is_not_called_durable() {
    let world = World::new().await;
    let database = world.database().await;
    let store = world.open(&database).await.expect("open");
    let durable = async || store.health().await.expect("healthy").durable_on_standby;
    assert_eq!(durable().await, Some(false), "no standby");
    let _standby = world.server.standby(Replication::Synchronous).await.expect("a standby");
    assert_eq!(durable().await, Some(true));
    for setting in ["fsync", "full_page_writes"] {
        world.server.set(setting, "off").await.expect("set");
        assert_eq!(durable().await, Some(false), "{setting}");
        world.server.set(setting, "on").await.expect("set");
        assert_eq!(durable().await, Some(true));
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_when_a_synchronous_standby_took_over() {
    let mut world = World::new().await;
    let database = world.database().await;
    let standby = world.server.standby(Replication::Synchronous).await.expect("a standby");
    let store = PostgresStore::open(both(&world.server, &standby, &database)).await.expect("open");
    for number in 0..20 {
        let put = batch([step(&format!("k{number}"), 0)]);
        store.commit(&call(), put).await.expect("acknowledged");
    }
    world.server.kill().await.expect("killed");
    standby.promote().await.expect("promoted");

    let since = Instant::now();
    let wanted: Vec<_> = (0..20).map(|n| (path(&format!("k{n}")), Select::Current)).collect();
    let found = loop {
        match store.read(&call(), &wanted).await {
            Ok(found) => break found.value,
            Err(error @ StoreError::Unavailable { retryable: true, .. }) => {
                assert!(since.elapsed() < Duration::from_mins(1), "{error}");
            }
            Err(other) => panic!("{other:?}"),
        }
        sleep(Duration::from_millis(10)).await;
    };
    println!("read {:?} after the promotion", since.elapsed());
    assert!(found.iter().all(|found| found.record.is_some()), "{found:?}");
    store.commit(&call(), batch([step("k0", 1)])).await.expect("it takes writes");
    assert_eq!(revision(&store, "k0").await, 2);
}

/// Both servers by their ports.
fn both(one: &Server, other: &Server, database: &str) -> Options {
    let url = one.url(RUNTIME);
    let (server, _) = url.rsplit_once('/').expect("a URL");
    let url = format!("{server},localhost:{}/{database}", other.port());
    Options::parse(&url).expect("ours").ca_file(one.ca_file())
}
