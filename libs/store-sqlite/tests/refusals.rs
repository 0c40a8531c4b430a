//! What is not a store of ours is refused, with a remedy, and left as it was.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use spike_store::{
    Documents, Kind, Names, Secrets, Select, StoreError,
    conformance::samples::{all, batch, call, find, path, put, step},
};
use spike_store_sqlite::{Options, SqliteStore, open_url};
use sqlx::{ConnectOptions, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::task::JoinSet;

async fn open(file: &Path) -> spike_store::Result<SqliteStore> {
    SqliteStore::open(file, Options::default()).await
}

async fn raw(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    options.connect().await.expect("it opens")
}

async fn refusal(file: &Path) -> String {
    match open(file).await.err() {
        Some(StoreError::Unusable(why)) => why,
        other => unreachable!("unusable, not {other:?}"),
    }
}

#[tokio::test]
async fn the_database_of_spike_itself_is_refused_and_left_alone() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("spike.db");
    let mut connection = raw(&file).await;
    for table in ["policies", "secrets", "secret_metadata"] {
        let made = match table {
            "policies" => "CREATE TABLE policies (id TEXT PRIMARY KEY, name TEXT)",
            "secrets" => "CREATE TABLE secrets (path TEXT, version INTEGER, nonce BLOB)",
            _ => "CREATE TABLE secret_metadata (path TEXT PRIMARY KEY)",
        };
        connection.execute(made).await.unwrap();
    }
    drop(connection);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::read(&file).unwrap();

    let why = refusal(&file).await;
    assert!(why.contains("SPIKE itself") && why.contains("name a new file"), "{why}");
    assert_eq!(fs::read(&file).unwrap(), before, "not a byte of it changed");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
}

#[tokio::test]
async fn the_database_of_another_program_is_refused() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("other.db");
    raw(&file).await.execute("CREATE TABLE secrets (id INTEGER)").await.unwrap();
    assert!(refusal(&file).await.contains("another program"));

    let file = directory.path().join("claimed.db");
    raw(&file).await.execute("PRAGMA application_id = 7; PRAGMA user_version = 1").await.unwrap();
    assert!(refusal(&file).await.contains("another program"));
}

#[tokio::test]
async fn a_url_names_an_absolute_path_and_nothing_else() {
    for url in ["sqlite:spike.db", "sqlite://spike.db", "postgres:///x", "sqlite://"] {
        assert!(matches!(open_url(url).await, Err(StoreError::Unusable(_))), "{url}");
    }
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("a%20b?mode=memory.db");
    open_url(&format!("sqlite://{}", file.display())).await.unwrap();
    assert!(file.exists(), "the path is taken literally");
}

#[tokio::test]
async fn a_file_cut_short_is_corrupt_and_never_empty() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("cut.db");
    let store = open(&file).await.unwrap();
    for at in 0..50 {
        store.commit(&call(), batch([step(&format!("p/{at}"), 0)])).await.unwrap();
    }
    spike_store::Manage::close(&store).await;
    let mut bytes = fs::read(&file).unwrap();
    bytes.iter_mut().skip(4096).for_each(|byte| *byte = 0xAA);
    fs::write(&file, bytes).unwrap();

    let listed = match open(&file).await {
        Ok(store) => store.list(&call(), all()).await.err(),
        Err(error) => Some(error),
    };
    assert!(matches!(listed, Some(StoreError::Corrupt(_))), "{listed:?}");
}

/// An edited row denies itself. It does not deny its neighbours, in whatever group or batch they are.
#[tokio::test]
async fn an_edited_row_is_corrupt_and_harms_no_other() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("edited.db");
    let store = open(&file).await.unwrap();
    for at in ["a", "b"] {
        store.commit(&call(), batch([step(at, 0)])).await.unwrap();
    }
    store.change(&call(), vec![put(Kind::Policy, "p", 0, 1)], vec![]).await.unwrap();
    let mut other = raw(&file).await;
    other.execute("UPDATE heads SET mac = x'00' WHERE path = 'a'").await.unwrap();
    other.execute("UPDATE documents SET tag = x'00' WHERE name = 'p'").await.unwrap();

    let read = store.read(&call(), &[(path("a"), Select::Head)]).await;
    assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
    let loaded = store.load(&call(), Kind::Policy, Names::All).await;
    assert!(matches!(loaded, Err(StoreError::Corrupt(_))), "{loaded:?}");

    let (c, d) = (call(), call());
    let (damaged, whole, policy) = tokio::join!(
        store.commit(&c, batch([step("a", 1)])),
        store.commit(&d, batch([step("b", 1)])),
        store.change(&c, vec![put(Kind::Policy, "p", 1, 1)], vec![]),
    );
    assert!(matches!(damaged, Err(StoreError::Corrupt(_))), "{damaged:?}");
    assert!(matches!(policy, Err(StoreError::Corrupt(_))), "{policy:?}");
    whole.expect("its neighbour is written");
    assert!(find(&store, "b", Select::Current).await.value.record.is_some());
}

#[tokio::test]
async fn everything_on_disk_is_the_owners_alone() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("mode.db");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let store = open(&file).await.unwrap();
    store.commit(&call(), batch([step("a", 0)])).await.unwrap();
    let mut names = vec![];
    for entry in fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        names.push(entry.file_name());
    }
    assert_eq!(names.len(), 3, "the file, its log and the log's index: {names:?}");
}

/// Several bootstraps begin at the same moment: none takes what another is making for a stranger's.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_may_be_opened_by_many_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    for round in 0..40 {
        let file = directory.path().join(format!("{round}.db"));
        let mut opening = JoinSet::new();
        for _ in 0..8 {
            let file = file.clone();
            opening.spawn(async move {
                loop {
                    match open(&file).await {
                        // Whoever makes it keeps the others out for a moment.
                        Err(StoreError::Unavailable { retryable: true, .. }) => {}
                        opened => return opened.map(drop),
                    }
                }
            });
        }
        for opened in opening.join_all().await {
            opened.expect("it opens");
        }
    }
}
