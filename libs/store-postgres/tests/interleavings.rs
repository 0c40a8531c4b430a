//! Two transactions at once, one of them held open in the middle: what the other one may do.
//!
//! The held one is another Nexus, played by a plain connection that takes the same locks. Each test
//! first sees the server say that the write waits for it, so that none passes by being too slow.

mod world;

use std::{sync::Arc, time::Duration};

use spike_store::{
    Call, Documents, Epochs, Kind, Names, Secrets, StoreError,
    conformance::samples::{
        batch, call, epochs, guarded, head, key, keyed, put_manifest, revision, step,
    },
};
use spike_store_postgres::PostgresStore;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::task::TaskTracker;

use self::world::{RUNTIME, World};

/// A store, and another Nexus in the middle of something.
struct Scene {
    world: Arc<World>,
    database: String,
    store: Arc<PostgresStore>,
    other: PgConnection,
}

impl Scene {
    async fn new() -> Self {
        let world = World::shared().await;
        let database = world.database().await;
        let store = Arc::new(world.open(&database).await.expect("it opens"));
        let other = world.connect(&database, RUNTIME).await;
        Self { world, database, store, other }
    }

    /// The other one does this, and is held.
    async fn other(&mut self, sql: &str) {
        self.other.execute(AssertSqlSafe(sql.to_owned())).await.expect("done");
    }

    /// Begins a write, and returns once it waits for the other one.
    async fn waits<T: Send + 'static>(
        &mut self,
        write: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.waits_as(1, write).await
    }

    /// The same, when there are so many that wait.
    async fn waits_as<T: Send + 'static>(
        &mut self,
        count: u64,
        write: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let write = begin(write);
        let waits = format!(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = '{}' AND cardinality(pg_blocking_pids(pid)) > 0",
            self.database
        );
        let count = count.to_string();
        while self.world.server.ask(waits.as_str()).await.expect("asked") != count {
            assert!(!write.is_finished(), "it didn't wait");
            sleep(Duration::from_millis(5)).await;
        }
        write
    }

    /// Begins a commit under these epochs, of this path, and returns once it waits.
    async fn commit_waits(
        &mut self,
        guard: Epochs,
        at: &'static str,
        from: u64,
    ) -> JoinHandle<spike_store::Result<spike_store::Seen<spike_store::Outcome>>> {
        let store = self.store.clone();
        let commit = async move { store.commit(&guarded(guard), batch([step(at, from)])).await };
        self.waits(commit).await
    }
}

fn begin<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    TaskTracker::new().spawn(work)
}

const LOCK: &str = "BEGIN; LOCK TABLE spike.epochs IN EXCLUSIVE MODE";
const NEXT_EPOCH: &str =
    "UPDATE spike.epochs SET counter = 1, tag = decode(repeat('05', 16), 'hex')";

/// See the name: the snapshot of the commit is not older than the lock that it waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_waited_for_a_policy_change_is_refused_under_the_old_guard() {
    let mut scene = Scene::new().await;
    scene.other(LOCK).await;
    scene.other(NEXT_EPOCH).await;
    let commit = scene.commit_waits(Epochs::NONE, "a", 0).await;
    scene.other("COMMIT").await;
    let refused = commit.await.unwrap();
    assert!(
        matches!(refused, Err(StoreError::Stale { epochs: seen }) if seen == epochs(1, 5, 0)),
        "{refused:?}"
    );
    assert_eq!(revision(&*scene.store, "a").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_waited_for_a_policy_change_that_was_given_up_happens() {
    let mut scene = Scene::new().await;
    scene.other(LOCK).await;
    scene.other(NEXT_EPOCH).await;
    let commit = scene.commit_waits(Epochs::NONE, "a", 0).await;
    scene.other("ROLLBACK").await;
    assert_eq!(commit.await.unwrap().expect("it happens").epochs, Epochs::NONE);
}

/// A commit that was let in goes first, however long it takes: no change is acknowledged while a
/// write that was decided before it may still happen.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_change_waits_for_a_commit_that_has_passed_its_guard() {
    let mut scene = Scene::new().await;
    scene.store.commit(&call(), batch([step("a", 0)])).await.expect("a commit");
    scene.other("BEGIN; SELECT FROM spike.heads WHERE path = 'a' FOR UPDATE").await;
    let commit = scene.commit_waits(Epochs::NONE, "a", 1).await;

    let store = scene.store.clone();
    let change =
        begin(async move { store.change(&call(), vec![put_manifest(0, 5)], vec![]).await });
    let both = format!(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = '{}' AND cardinality(pg_blocking_pids(pid)) > 0",
        scene.database
    );
    while scene.world.server.ask(both.as_str()).await.expect("asked") != "2" {
        assert!(!change.is_finished(), "it didn't wait");
        sleep(Duration::from_millis(5)).await;
    }
    // Whoever comes now queues behind the change, and is decided by it.
    let store = scene.store.clone();
    let behind =
        begin(async move { store.commit(&guarded(Epochs::NONE), batch([step("b", 0)])).await });
    scene.other("COMMIT").await;
    assert_eq!(commit.await.unwrap().expect("it was first").epochs, Epochs::NONE);
    assert_eq!(change.await.unwrap().expect("it was second"), epochs(1, 5, 0));
    let behind = behind.await.unwrap();
    assert!(matches!(behind, Err(StoreError::Stale { .. })), "{behind:?}");
}

/// Readers see the state before it, and don't wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_change_keeps_no_reader_out() {
    let mut scene = Scene::new().await;
    scene.other(LOCK).await;
    scene.other(NEXT_EPOCH).await;
    let seen = scene.store.load(&call(), Kind::Policy, Names::All).await.expect("a read");
    assert_eq!(seen.epochs, Epochs::NONE);
    assert_eq!(revision(&*scene.store, "a").await, 0);
}

const NEW_HEAD: &str =
    "INSERT INTO spike.heads (path, replaced, revision, current, bytes, key, mac)
    VALUES ('a', 0, 1, 1, 'head 1', 2, decode(repeat('01', 32), 'hex'))";

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_came_while_a_commit_waited_is_a_conflict_and_comes_along() {
    let mut scene = Scene::new().await;
    scene.other("BEGIN").await;
    scene.other(NEW_HEAD).await;
    let commit = scene.commit_waits(Epochs::NONE, "a", 0).await;
    scene.other("COMMIT").await;
    let refused = commit.await.unwrap();
    let Err(StoreError::Conflict { head: Some(there), .. }) = refused else {
        unreachable!("a conflict, not {refused:?}")
    };
    assert_eq!(*there, head(1, Some(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_rose_while_a_commit_waited_is_a_conflict() {
    for (ends, wins) in [("COMMIT", false), ("ROLLBACK", true)] {
        let mut scene = Scene::new().await;
        scene.store.commit(&call(), batch([step("a", 0)])).await.expect("a commit");
        scene.other("BEGIN; UPDATE spike.heads SET replaced = 1, revision = 2").await;
        let commit = scene.commit_waits(Epochs::NONE, "a", 1).await;
        scene.other(ends).await;
        let ended = commit.await.unwrap();
        assert_eq!(ended.is_ok(), wins, "{ends}: {ended:?}");
        assert!(wins || matches!(ended, Err(StoreError::Conflict { head: Some(_), .. })));
        assert_eq!(revision(&*scene.store, "a").await, 2);
    }
}

/// All or none, though the first path was locked, and written, before the second turned out to be
/// somebody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_loses_one_path_while_it_waits_loses_all() {
    let mut scene = Scene::new().await;
    scene.store.commit(&call(), batch([step("b", 0)])).await.expect("a commit");
    scene.other("BEGIN; UPDATE spike.heads SET replaced = 1, revision = 2 WHERE path = 'b'").await;
    let store = scene.store.clone();
    let both = keyed([step("a", 0), step("b", 1)], key(1));
    let commit = scene.waits(async move { store.commit(&call(), both).await }).await;
    scene.other("COMMIT").await;
    let refused = commit.await.unwrap();
    assert!(matches!(&refused, Err(StoreError::Conflict { path, .. }) if path.as_str() == "b"));
    assert_eq!(revision(&*scene.store, "a").await, 0, "not by half");
    let again = keyed([step("a", 0)], key(1));
    assert!(!scene.store.commit(&call(), again).await.expect("unused").value.replayed);
}

const USED_KEY: &str = "INSERT INTO spike.write_keys (scope, digest, caller, at, commits)
    VALUES (decode('0000000000000001' || repeat('07', 24), 'hex'), decode(repeat('09', 32), 'hex'),
            decode(repeat('01', 32), 'hex'), 0, '')";

/// The key came after the snapshot of the commit: the group runs into it, goes back and begins anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_used_while_a_commit_waited_replays_and_harms_no_neighbour() {
    let mut scene = Scene::new().await;
    // Both wait for the first, so that they go together.
    scene.other("BEGIN").await;
    scene.other(USED_KEY).await;
    let commits = |scene: &Scene, at: &'static str, number| {
        let store = scene.store.clone();
        async move { store.commit(&call(), keyed([step(at, 0)], key(number))).await }
    };
    let (racing, neighbour) = (commits(&scene, "a", 1), commits(&scene, "b", 2));
    let both = scene.waits(async move { tokio::join!(racing, neighbour) }).await;
    scene.other("COMMIT").await;
    let (racing, neighbour) = both.await.unwrap();
    assert!(racing.expect("a repetition").value.replayed);
    assert!(!neighbour.expect("its neighbour").value.replayed);
    assert_eq!(revision(&*scene.store, "a").await, 0, "its batch had happened elsewhere");
    assert_eq!(revision(&*scene.store, "b").await, 1);
}

/// All lanes are busy. What none of them began in time is withdrawn; what one did is in doubt until
/// its key tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_withdraws_what_was_not_begun_and_leaves_the_rest_in_doubt() {
    let mut scene = Scene::new().await;
    scene.other(LOCK).await;
    let hurried = || Call { deadline: Instant::now() + Duration::from_secs(4), ..call() };
    let mut begun = Vec::new();
    // As many as there are lanes: those of nine connections. The last one never gets one.
    for number in 0..4 {
        let (store, call) = (scene.store.clone(), hurried());
        let at = format!("p/{number}");
        let write = keyed([step(&at, 0)], key(number));
        let commit = async move { store.commit(&call, write).await };
        begun.push(if number < 3 {
            scene.waits_as(number + 1, commit).await
        } else {
            begin(commit)
        });
    }
    for (number, commit) in begun.into_iter().enumerate() {
        match commit.await.unwrap() {
            Err(StoreError::Ambiguous { .. }) if number < 3 => {}
            Err(StoreError::Unavailable { retryable: true, .. }) if number == 3 => {}
            other => unreachable!("{number}: {other:?}"),
        }
    }
    scene.other("COMMIT").await;
    for number in 0..4 {
        let at = format!("p/{number}");
        let again = keyed([step(&at, 0)], key(number));
        let done = scene.store.commit(&call(), again).await.expect("never a conflict").value;
        assert!(number < 3 || !done.replayed, "what was withdrawn had never happened");
        assert_eq!(revision(&*scene.store, &at).await, 1);
    }
}

/// Several Nexus write overlapping batches of many paths, named in any order: the server never sees
/// a deadlock, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn overlapping_batches_never_wait_for_each_other_in_a_circle() {
    const ROUNDS: u64 = 30;
    let scene = Scene::new().await;
    let paths = ["a", "b", "c", "d"];
    let mut nexus = Vec::new();
    for turn in 0..3_usize {
        let store = scene.world.open(&scene.database).await.expect("it opens");
        nexus.push(begin(async move {
            for _ in 0..ROUNDS {
                loop {
                    let mut commits = Vec::new();
                    for at in 0..3 {
                        let at = paths[(turn + at * (turn + 1)) % 4];
                        if commits.iter().all(|done: &spike_store::Commit| done.path.as_str() != at)
                        {
                            commits.push(step(at, revision(&store, at).await));
                        }
                    }
                    match store.commit(&call(), batch(commits)).await {
                        Ok(_) => break,
                        Err(StoreError::Conflict { .. }) => {}
                        Err(other) => unreachable!("{other:?}"),
                    }
                }
            }
        }));
    }
    for one in nexus {
        one.await.unwrap();
    }
    let deadlocks =
        format!("SELECT deadlocks FROM pg_stat_database WHERE datname = '{}'", scene.database);
    assert_eq!(scene.world.server.ask(deadlocks).await.expect("asked"), "0");
    scene.other.close().await.unwrap();
}

/// Policies change as often as ever while others write as fast as they can: table locks queue.
#[tokio::test(flavor = "multi_thread")]
async fn writers_do_not_starve_a_policy_change() {
    let scene = Scene::new().await;
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..16 {
        let store = scene.store.clone();
        writers.spawn(async move {
            let at = format!("w/{number}");
            for from in 0.. {
                store.commit(&call(), batch([step(&at, from)])).await.expect("a commit");
            }
        });
    }
    for from in 0..20 {
        scene.store.change(&call(), vec![put_manifest(from, 1)], vec![]).await.expect("a change");
    }
    writers.shutdown().await;
}
