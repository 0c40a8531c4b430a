//! The laws of the store contract, put to SQLite.

use std::{fs, path::PathBuf};

use spike_store::{Result, conformance::Harness};
use spike_store_sqlite::{Options, SqliteStore};
use sqlx::{ConnectOptions, Executor, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

/// A directory, with a file for each space.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().expect("a directory"))
    }

    fn file(&self, space: &str) -> PathBuf {
        self.0.path().join(format!("{space}.db"))
    }
}

impl Harness for Files {
    type Store = SqliteStore;

    async fn open(&self, space: &str) -> Result<SqliteStore> {
        SqliteStore::open(&self.file(space), Options::default()).await
    }

    /// Goes on with copies of file and log as they are while the store is still open: what a process
    /// leaves that ends at this instant.
    async fn crash(&self, space: &str, store: SqliteStore) {
        let file = self.file(space);
        let log = file.with_extension("db-wal");
        let left = [&file, &log].map(|of| fs::read(of).expect("it is there"));
        assert!(!left[1].is_empty(), "the store still has what it wrote in its log");
        store_ends(store).await;
        for (of, bytes) in [file, log].iter().zip(left) {
            fs::write(of, bytes).expect("it can be written");
        }
    }

    async fn modernise(&self, space: &str) {
        let options = SqliteConnectOptions::new().filename(self.file(space));
        let mut connection = options.connect().await.expect("it opens");
        connection.execute("PRAGMA user_version = 99").await.expect("a later schema");
    }
}

async fn store_ends(store: SqliteStore) {
    spike_store::Manage::close(&store).await;
}

spike_store::conformance! {
    harness: Files::new(),
    restart: yes,
    crash: yes,
    schemas: yes,
}
