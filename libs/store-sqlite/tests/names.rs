//! A file that is removed or replaced under a running store takes no writes and gives no answers.

use std::{
    fs,
    path::{Path, PathBuf},
};

use spike_store::{
    Documents, Kind, Manage, Names, Secrets, Select, StoreError,
    conformance::samples::{all, batch, call, path, put, revision, step},
};
use spike_store_sqlite::{Options, SqliteStore};
use tempfile::TempDir;

const ENDINGS: [&str; 3] = ["", "-wal", "-shm"];

fn with(file: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", file.display()))
}

async fn open(file: &Path) -> SqliteStore {
    SqliteStore::open(file, Options::default()).await.expect("it opens")
}

async fn opened() -> (TempDir, PathBuf, SqliteStore) {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("spike.db");
    let store = open(&file).await;
    store.commit(&call(), batch([step("a", 0)])).await.expect("written");
    store.health().await.expect("well");
    (directory, file, store)
}

fn why<T: std::fmt::Debug>(result: spike_store::Result<T>) -> String {
    match result {
        Err(StoreError::Unavailable { reason, retryable: false, .. }) => reason,
        other => unreachable!("unavailable, not {other:?}"),
    }
}

/// Everything that the store can be asked.
async fn refusals(store: &SqliteStore) -> Vec<String> {
    let at = call();
    vec![
        why(store.commit(&at, batch([step("b", 0)])).await),
        why(store.change(&at, vec![put(Kind::Policy, "p", 0, 1)], vec![]).await),
        why(store.read(&at, &[(path("a"), Select::Current)]).await),
        why(store.list(&at, all()).await),
        why(store.load(&at, Kind::Policy, Names::All).await),
        why(store.health().await),
    ]
}

#[tokio::test]
async fn a_removed_file_is_noticed_before_anything_is_acknowledged() {
    for gone in ENDINGS {
        let (_directory, file, store) = opened().await;
        let gone = with(&file, gone);
        fs::remove_file(&gone).unwrap();
        for reason in refusals(&store).await {
            // A connection that is opened just then makes the log anew: another file under its name.
            let told = ["removed", "replaced"].map(|what| format!("{} was {what}", gone.display()));
            assert!(told.iter().any(|told| reason.starts_with(told)), "{reason}");
        }
    }
}

#[tokio::test]
async fn another_file_stays_refused_until_a_restart_opens_it() {
    let (directory, file, store) = opened().await;
    let older = directory.path().join("older.db");
    open(&older).await.close().await;
    for ending in ENDINGS {
        let _ = fs::remove_file(with(&file, ending));
    }
    fs::rename(&older, &file).unwrap();
    for _ in 0..2 {
        for reason in refusals(&store).await {
            assert!(reason.contains("was replaced") && reason.contains("restart"), "{reason}");
        }
    }
    store.close().await;

    let store = open(&file).await;
    assert_eq!(revision(&store, "a").await, 0, "the file that is there, untouched by the old one");
    store.commit(&call(), batch([step("a", 0)])).await.expect("written");
}

#[tokio::test]
async fn the_right_file_is_used_again_when_it_is_back() {
    let (directory, file, store) = opened().await;
    let away = directory.path().join("away");
    let shift = |from: &Path, to: &Path| {
        for ending in ENDINGS {
            fs::rename(with(from, ending), with(to, ending)).unwrap();
        }
    };
    shift(&file, &away);
    refusals(&store).await;
    shift(&away, &file);
    store.health().await.expect("well again");
    assert_eq!((revision(&store, "a").await, revision(&store, "b").await), (1, 0));
    store.commit(&call(), batch([step("b", 0)])).await.expect("written");
    store.close().await;
    assert_eq!(revision(&open(&file).await, "b").await, 1);
}

#[tokio::test]
async fn a_store_behind_a_link_works() {
    let directory = TempDir::new().unwrap();
    let (file, link) = (directory.path().join("spike.db"), directory.path().join("link.db"));
    open(&file).await.close().await;
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let store = open(&link).await;
    store.commit(&call(), batch([step("a", 0)])).await.expect("written");
    fs::remove_file(with(&file, "-wal")).unwrap();
    refusals(&store).await;
}
