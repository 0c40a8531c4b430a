//! Acknowledged writes survive a server that is killed, and no write is ever there by half.
//!
//! The server is killed as by a power cut, all of its processes at once, in the middle of a load;
//! the store stays open and finds it again when it is back.

mod world;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use spike_store::{
    Found, Manage, Result, Secrets, Select, StoreError,
    conformance::{
        self, Harness,
        samples::{batch, call, find, key, keyed, path, record, step, version},
    },
};
use spike_store_postgres::PostgresStore;
use tokio::{
    sync::Mutex,
    task::JoinSet,
    time::{Instant, sleep},
};

use self::world::World;

/// One server and one database, killed for each crash.
struct Killed(Mutex<World>);

impl Harness for Killed {
    type Store = PostgresStore;

    async fn open(&self, _: &str) -> Result<PostgresStore> {
        self.0.lock().await.open("law").await
    }

    async fn crash(&self, _: &str, store: PostgresStore) {
        let mut world = self.0.lock().await;
        world.server.kill().await.expect("killed");
        drop(store);
        world.server.start_again().await.expect("it recovers");
    }

    async fn modernise(&self, _: &str) {
        unreachable!("not this law")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_keeps_what_was_acknowledged() {
    let world = World::new().await;
    world.create("law", "blank").await;
    conformance::durability::a_crash_keeps_what_was_acknowledged(&Killed(Mutex::new(world))).await;
}

/// Every connection that the store has is dead by then, and it doesn't know.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_read_after_a_restart_is_answered() {
    let mut world = World::new().await;
    let database = world.database().await;
    let store = world.open(&database).await.expect("it opens");
    store.commit(&call(), batch([step("a", 0)])).await.expect("a commit");
    let want = [(path("a"), Select::Current)];
    store.read(&call(), &want).await.expect("a read");
    world.server.restart().await.expect("it is back");
    let found = store.read(&call(), &want).await.expect("the very first").value;
    assert!(found.iter().all(|found| found.record.is_some()));
}

const WRITERS: u64 = 16;
const KILLS: u64 = 3;
/// As many it may take until one hits a write on its way.
const MOST_KILLS: u64 = 20;

/// How many writes are acknowledged before the server is killed.
const LOAD: u64 = 200;

/// What writers know for certain.
#[derive(Default)]
struct Known {
    stop: AtomicBool,
    acknowledged: AtomicU64,
    ambiguous: AtomicU64,
}

fn pair(writer: u64) -> [String; 2] {
    ["left", "right"].map(|side| format!("{side}/{writer}"))
}

/// Writes until told to stop; even writers write pairs, odd ones single paths. Returns the revision
/// that was acknowledged last. Whatever fails is sent again, with its key, as Nexus does.
async fn write_on(store: Arc<PostgresStore>, known: Arc<Known>, writer: u64) -> (u64, u64) {
    let [left, right] = pair(writer);
    let mut from = 0;
    while !known.stop.load(Ordering::Acquire) {
        let mut commits = vec![step(&left, from)];
        if writer.is_multiple_of(2) {
            commits.push(step(&right, from));
        }
        let write = keyed(commits, key(writer << 32 | from));
        match store.commit(&call(), write).await {
            Ok(_) => {
                from += 1;
                known.acknowledged.fetch_add(1, Ordering::AcqRel);
            }
            Err(StoreError::Ambiguous { .. }) => {
                known.ambiguous.fetch_add(1, Ordering::AcqRel);
            }
            Err(StoreError::Unavailable { retryable: true, .. }) => {
                sleep(Duration::from_millis(20)).await;
            }
            Err(other) => unreachable!("{other:?}"),
        }
    }
    (writer, from)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_goes_on_over_kills_without_losing_doubling_or_halving_a_write() {
    let mut world = World::new().await;
    let database = world.database().await;
    let store = Arc::new(world.open(&database).await.expect("it opens"));
    let known = Arc::new(Known::default());
    let writers: JoinSet<_> =
        (0..WRITERS).map(|writer| write_on(store.clone(), known.clone(), writer)).collect();
    for kill in 1..=MOST_KILLS {
        if kill > KILLS && known.ambiguous.load(Ordering::Acquire) > 0 {
            break;
        }
        let enough = known.acknowledged.load(Ordering::Acquire) + LOAD;
        let end = Instant::now() + Duration::from_mins(2);
        while known.acknowledged.load(Ordering::Acquire) < enough {
            assert!(Instant::now() < end, "kill {kill}: no writes get through");
            sleep(Duration::from_millis(5)).await;
        }
        world.server.kill().await.expect("killed");
        let down = store.commit(&call(), batch([])).await;
        assert!(down.is_err(), "{down:?}");
        world.server.start_again().await.expect("it recovers");
    }
    known.stop.store(true, Ordering::Release);
    let acknowledged: BTreeMap<_, _> = writers.join_all().await.into_iter().collect();
    for (writer, known) in acknowledged {
        whole(&store, writer, known).await;
    }
    assert!(known.ambiguous.load(Ordering::Acquire) > 0, "no kill hit a write on its way");
    store.health().await.expect("it takes writes");
    store.close().await;
}

/// The revision that was acknowledged last is there, or the one after it, which was on its way; with
/// its records, on both sides if it has two.
async fn whole(store: &PostgresStore, writer: u64, known: u64) {
    let sides = if writer.is_multiple_of(2) { 2 } else { 1 };
    let want: Vec<_> =
        pair(writer).iter().take(sides).map(|side| (path(side), Select::Current)).collect();
    let found = store.read(&call(), &want).await.expect("a read").value;
    let revision = found.first().and_then(|found| found.head.as_ref()).expect("a head").revision.0;
    assert!(
        revision == known || revision == known + 1,
        "{writer}: {known} known, {revision} there"
    );
    for Found { head, record: kept } in found {
        assert_eq!(head.map(|head| head.revision.0), Some(revision), "half a batch");
        assert_eq!(kept, Some((version(revision), record(revision.to_string()))));
    }
    let [left, _] = pair(writer);
    let first = find(store, &left, Select::Version(version(1))).await.value.record;
    assert_eq!(first, Some((version(1), record("1"))), "the first is still there");
}
