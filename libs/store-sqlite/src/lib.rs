//! The SQLite store of Spike: one file, one writer, many readers.
//!
//! It is for a single node: the file is on a local disk and belongs to one Nexus. What it keeps is
//! durable when a call returns (write-ahead log, `synchronous = FULL`), and every answer is of one
//! snapshot. It refuses files that aren't its own rather than guess what is in them,
//! and works no longer when its file is removed or replaced under it.

mod error;
mod names;
mod place;
mod reader;
mod rows;
mod schema;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use spike_core::SecretPath;
use spike_store::{
    Batch, Call, CallerHash, Capabilities, Document, DocumentDrop, DocumentPut, Documents, Epochs,
    Found, Health, Kind, Listed, Manage, Names, Outcome, Page, Result, Secrets, Seen, Select,
    StoreError, TraceId, claim, rules,
};
use sqlx::{
    ConnectOptions, Executor, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::{sync::RwLock, time::Instant};
use tokio_util::task::TaskTracker;

use crate::{
    error::failed,
    names::{FileNames, Inode},
    schema::SCHEMA,
    writer::{Job, Queue, SWEEP_STEP},
};

/// How long a statement waits for a lock that another process holds on the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// To what size SQLite cuts its write-ahead log after moving it into the file, in bytes.
const LOG_SIZE: &str = "67108864";

/// How long [`Manage::health`] waits for the writer before the store counts as unavailable.
const HEALTH_PATIENCE: Duration = Duration::from_secs(2);

/// How a [`SqliteStore`] is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many reads run at once.
    pub readers: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers: 4 }
    }
}

/// Secrets and documents in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    readers: SqlitePool,
    names: Arc<FileNames>,
    /// `None` once the store is closed.
    queue: RwLock<Option<Queue>>,
    tasks: TaskTracker,
    server_version: String,
}

/// Opens the store that `sqlite:///an/absolute/path` names, with [`Options::default`].
///
/// Everything behind `sqlite://` is the path, literally: nothing is decoded, there are no options.
pub async fn open_url(url: &str) -> Result<SqliteStore> {
    match url.strip_prefix("sqlite://") {
        Some(path) if path.starts_with('/') => {
            SqliteStore::open(Path::new(path), Options::default()).await
        }
        _ => Err(StoreError::Unusable(format!("{url:?}: write sqlite:///an/absolute/path"))),
    }
}

impl SqliteStore {
    /// Opens the file, makes it (mode 0600) if it is missing, and brings its schema up to date.
    ///
    /// Refuses what can't be a store: a file of another program or of SPIKE itself, a newer schema,
    /// a filesystem that machines share, a file or directory that can't be written.
    pub async fn open(path: &Path, options: Options) -> Result<Self> {
        let place = PathBuf::from(path);
        let prepared = tokio::task::spawn_blocking(move || place::prepare(&place)).await;
        prepared.map_err(|error| StoreError::busy(error.to_string()))??;
        Self::connect(writing(path), path, options).await
    }

    async fn connect(writing: SqliteConnectOptions, path: &Path, options: Options) -> Result<Self> {
        let opened = Inode::of(path).map_err(|error| StoreError::busy(error.to_string()))?;
        let mut connection = writing.connect().await.map_err(failed)?;
        let file = path.display().to_string();
        // What isn't ours is refused before anything of it is changed, its journal mode included.
        schema::may_be_ours(&mut connection, &file).await?;
        place::close_to_others(path)?;
        let log = sqlx::query("PRAGMA journal_mode = WAL");
        log.execute(&mut connection).await.map_err(failed)?;
        schema::migrate(&mut connection, &file).await?;
        let version = sqlx::query_scalar("SELECT sqlite_version()");
        let server_version = version.fetch_one(&mut connection).await.map_err(failed)?;
        let readers = SqlitePoolOptions::new()
            .min_connections(options.readers)
            .max_connections(options.readers)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            // The first look opens what lies beside the file: not one of these is opened late. If
            // it finds damage, so will the read that wants an answer.
            .after_connect(|reader, _| {
                Box::pin(async {
                    let _ = reader.execute("SELECT only FROM epochs").await;
                    Ok(())
                })
            })
            .connect_with(common(path).pragma("query_only", "ON"))
            .await
            .map_err(failed)?;
        let names = Arc::new(FileNames::of(path, opened)?);
        let (queue, writer) = Queue::new(connection, names.clone());
        let tasks = TaskTracker::new();
        tasks.spawn(writer);
        Ok(Self { readers, names, queue: RwLock::new(Some(queue)), tasks, server_version })
    }

    /// Reads in time, from a file that has its name before and after it.
    async fn look<T>(&self, call: &Call, read: impl Future<Output = Result<T>>) -> Result<T> {
        rules::on_time(call)?;
        self.names.check()?;
        let found = read.await;
        self.names.check().and(found)
    }

    async fn queue(&self) -> Result<Queue> {
        self.queue.read().await.clone().ok_or_else(claim::closed)
    }
}

/// Of every connection.
fn common(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// Of the only connection that writes.
fn writing(path: &Path) -> SqliteConnectOptions {
    common(path).synchronous(SqliteSynchronous::Full).pragma("journal_size_limit", LOG_SIZE)
}

#[async_trait]
impl Secrets for SqliteStore {
    async fn read(&self, call: &Call, want: &[(SecretPath, Select)]) -> Result<Seen<Vec<Found>>> {
        self.look(call, reader::read(&self.readers, call, want)).await
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Seen<Outcome>> {
        rules::batch(&batch)?;
        self.queue().await?.submit(call, |answer| Job::Commit(batch, answer)).await
    }

    async fn list(&self, call: &Call, page: Page) -> Result<Seen<Listed>> {
        self.look(call, reader::list(&self.readers, call, &page)).await
    }
}

#[async_trait]
impl Documents for SqliteStore {
    async fn load(&self, call: &Call, kind: Kind, names: Names) -> Result<Seen<Vec<Document>>> {
        self.look(call, reader::load(&self.readers, call, kind, &names)).await
    }

    async fn change(
        &self,
        call: &Call,
        puts: Vec<DocumentPut>,
        drops: Vec<DocumentDrop>,
    ) -> Result<Epochs> {
        rules::change(&puts, &drops)?;
        self.queue().await?.submit(call, |answer| Job::Change(puts, drops, answer)).await
    }
}

#[async_trait]
impl Manage for SqliteStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { multi_path: true, durable: true, shared: false }
    }

    async fn health(&self) -> Result<Health> {
        let call = Call {
            guard: None,
            deadline: Instant::now() + HEALTH_PATIENCE,
            at: Timestamp::UNIX_EPOCH,
            trace: TraceId::default(),
            caller: CallerHash([0; 32]),
        };
        self.queue().await?.submit(&call, Job::Check).await?;
        let server_version = self.server_version.clone();
        Ok(Health { kind: "sqlite", schema: SCHEMA, server_version, durable_on_standby: None })
    }

    async fn sweep(&self, call: &Call) -> Result<u64> {
        let queue = self.queue().await?;
        let mut swept = 0;
        loop {
            let step = queue.submit(call, Job::Sweep).await?;
            swept += step;
            if step < u64::from(SWEEP_STEP) {
                return Ok(swept);
            }
        }
    }

    async fn close(&self) {
        self.readers.close().await;
        drop(self.queue.write().await.take());
        self.tasks.close();
        self.tasks.wait().await;
    }
}
