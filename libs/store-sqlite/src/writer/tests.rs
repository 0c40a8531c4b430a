use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use spike_store::{
    Commit, Manage, Sealed, Secrets, Select,
    conformance::samples::{batch, call, find, head, key, keyed, revision, step, version},
};
use sqlx::{ConnectOptions, Executor};
use tempfile::TempDir;
use tokio::{task::JoinSet, time::Instant};

use super::*;
use crate::{Options, SqliteStore, common, place, writing};

fn file() -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("writer.db");
    (directory, file)
}

async fn open(file: &Path) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(file, Options::default()).await.unwrap())
}

/// Keeps every other writer out while it lives.
async fn lock(file: &Path) -> SqliteConnection {
    let mut other = common(file).connect().await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    other
}

fn large(at: &str) -> Commit {
    let puts = vec![(version(1), Sealed(Bytes::from(vec![7; 64 << 10])))];
    Commit { puts, ..step(at, 0) }
}

#[tokio::test]
async fn a_full_disk_refuses_and_what_was_acknowledged_stays() {
    let (_directory, file) = file();
    place::prepare(&file).unwrap();
    // SQLite itself refuses to grow beyond this: the same code path as a disk without room.
    let small = writing(&file).pragma("max_page_count", "100");
    let store = SqliteStore::connect(small, &file, Options::default()).await.unwrap();
    let (mut acknowledged, mut refused) = (vec![], vec![]);
    for number in 0..10 {
        let at = format!("p/{number}");
        match store.commit(&call(), keyed([large(&at)], key(number))).await {
            Ok(_) => acknowledged.push(at),
            Err(StoreError::Unavailable { reason, retryable: false, .. }) => {
                assert!(reason.contains("full"), "{reason}");
                refused.push(at);
            }
            Err(other) => panic!("unavailable, not {other:?}"),
        }
    }
    assert!(!acknowledged.is_empty() && !refused.is_empty());
    let check = async |store: &SqliteStore| {
        for at in &acknowledged {
            assert!(find(store, at, Select::Current).await.value.record.is_some(), "{at}");
        }
        for at in &refused {
            assert_eq!(revision(store, at).await, 0, "{at}: nothing happened");
        }
    };
    check(&store).await;
    store.close().await;

    let store = open(&file).await;
    check(&store).await;
    let again = keyed([large("p/9")], key(9));
    assert!(!store.commit(&call(), again).await.unwrap().value.replayed, "once there is room");
}

#[tokio::test]
async fn a_write_that_nobody_began_by_its_deadline_never_happens() {
    let (_directory, file) = file();
    let store = open(&file).await;
    let other = lock(&file).await;
    let hurried = Call { deadline: Instant::now() + Duration::from_millis(50), ..call() };
    let late = store.commit(&hurried, batch([step("a", 0)])).await;
    assert!(matches!(late, Err(StoreError::Unavailable { retryable: true, .. })), "{late:?}");
    drop(other);
    store.commit(&call(), batch([step("b", 0)])).await.unwrap();
    assert_eq!(revision(&*store, "a").await, 0);
}

#[tokio::test]
async fn a_write_that_was_begun_by_its_deadline_is_ambiguous() {
    let (sender, mut tickets) = mpsc::channel::<Ticket>(1);
    let hurried = Call { deadline: Instant::now() + Duration::from_millis(50), ..call() };
    let writer = async {
        let ticket = tickets.recv().await.unwrap();
        assert!(ticket.claim.take());
        ticket
    };
    let submitted = Queue(sender);
    let (result, _kept) = tokio::join!(submitted.submit(&hurried, Job::Check), writer);
    assert!(matches!(result, Err(StoreError::Ambiguous { .. })), "{result:?}");
}

#[tokio::test]
async fn a_file_that_goes_while_it_is_written_makes_the_write_ambiguous() {
    let (_directory, file) = file();
    let store = open(&file).await;
    let other = lock(&file).await;
    let away = file.with_extension("away");
    let (at, commit) = (call(), batch([step("a", 0)]));
    let written = async {
        // By now the writer has looked at the names and waits for the lock.
        tokio::time::sleep(Duration::from_millis(300)).await;
        std::fs::rename(&file, &away).unwrap();
        drop(other);
    };
    let (result, ()) = tokio::join!(store.commit(&at, commit), written);
    assert!(matches!(result, Err(StoreError::Ambiguous { .. })), "{result:?}");
    std::fs::rename(&away, &file).unwrap();
    assert_eq!(revision(&*store, "a").await, 1, "found when the file is back");
}

#[tokio::test]
async fn a_write_whose_caller_left_happens_and_its_key_tells() {
    let (_directory, file) = file();
    let store = open(&file).await;
    let other = lock(&file).await;
    let write = keyed([step("a", 0)], key(1));
    let (patience, leaver) = (Duration::from_millis(50), call());
    let left = tokio::time::timeout(patience, store.commit(&leaver, write.clone())).await;
    left.expect_err("the file is locked");
    drop(other);
    assert!(store.commit(&call(), write).await.unwrap().value.replayed);
    assert_eq!(revision(&*store, "a").await, 1);
}

#[tokio::test]
async fn another_process_that_writes_is_seen() {
    let (_directory, file) = file();
    let (one, two) = (open(&file).await, open(&file).await);
    for from in 0..10 {
        let (here, there) = if from % 2 == 0 { (&one, &two) } else { (&two, &one) };
        here.commit(&call(), batch([step("a", from)])).await.unwrap();
        assert_eq!(revision(&**there, "a").await, from + 1);
        let lost = there.commit(&call(), batch([step("a", from)])).await;
        assert!(matches!(lost, Err(StoreError::Conflict { .. })), "{lost:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_finishes_what_was_begun_and_refuses_the_rest() {
    let (_directory, file) = file();
    let store = open(&file).await;
    let writers: JoinSet<Vec<String>> = (0..16)
        .map(|writer| {
            let store = store.clone();
            async move {
                let mut acknowledged = vec![];
                for number in 0.. {
                    let at = format!("{writer}/{number}");
                    match store.commit(&call(), batch([step(&at, 0)])).await {
                        Ok(_) => acknowledged.push(at),
                        Err(StoreError::Unavailable { retryable: false, .. }) => break,
                        Err(other) => panic!("closed, not {other:?}"),
                    }
                }
                acknowledged
            }
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    store.close().await;
    store.close().await;
    let acknowledged = writers.join_all().await.concat();
    assert!(!acknowledged.is_empty());
    assert!(matches!(store.health().await, Err(StoreError::Unavailable { .. })));
    assert!(!file.with_extension("db-wal").exists(), "the log is in the file");

    let store = open(&file).await;
    for at in acknowledged {
        assert_eq!(revision(&*store, &at).await, 1, "{at}");
    }
}

#[tokio::test]
async fn a_group_is_bounded_in_number_and_in_bytes() {
    let ticket = |commits: Vec<Commit>| {
        let (answer, _) = oneshot::channel();
        let job = Job::Commit(batch(commits), Slot { result: None, answer });
        Ticket { call: call(), job, claim: Claim::default() }
    };
    let (sender, mut tickets) = mpsc::channel(QUEUE);
    for _ in 0..GROUP + 10 {
        sender.try_send(ticket(vec![])).ok().unwrap();
    }
    assert_eq!(gather(ticket(vec![]), &mut tickets).len(), GROUP);
    assert_eq!(gather(ticket(vec![]), &mut tickets).len(), 12);

    let half = || {
        let puts = vec![(version(1), Sealed(Bytes::from(vec![0; GROUP_BYTES / 2])))];
        vec![Commit { puts, head: head(1, None), ..step("a", 0) }]
    };
    for _ in 0..4 {
        sender.try_send(ticket(half())).ok().unwrap();
    }
    assert_eq!(gather(ticket(half()), &mut tickets).len(), 2);
}
