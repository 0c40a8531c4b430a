//! The PostgreSQL store of Spike: many Nexus, one truth.
//!
//! Every answer is of one snapshot and says under which epochs it was taken; every write happens
//! under the epochs that its caller decided by, or not at all; what is acknowledged is on disk, and
//! on the synchronous standby if the server has one. It keeps no copy of anything: what one Nexus has
//! written, the next read of another one sees. It works with a server that may write and with nothing
//! else: no read replica, no connection pooler.

mod error;
mod link;
mod reader;
mod rows;
pub mod schema;
mod writer;

use std::{panic::AssertUnwindSafe, time::Duration};

use async_trait::async_trait;
use futures::FutureExt;
use jiff::Timestamp;
use spike_core::SecretPath;
use spike_store::{
    Batch, Call, CallerHash, Capabilities, Document, DocumentDrop, DocumentPut, Documents, Epochs,
    Found, Health, Kind, Listed, Manage, Names, Outcome, Page, Result, Secrets, Seen, Select,
    StoreError, TraceId, rules,
};
use sqlx::postgres::PgRow;
use tokio::time::{Instant, timeout_at};

pub use self::link::{InvalidUrl, Options, PoolState, connect};
use self::{
    link::Link,
    reader::Query,
    writer::{Job, SWEEP_STEP, Writer},
};
/// What [`connect`] opens and [`schema`] works on.
pub use sqlx::PgConnection;

/// How long opening a store may take, and how long [`Manage::health`] waits for a write.
const PATIENCE: Duration = Duration::from_secs(5);

/// Secrets and documents in one PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    link: Link,
    writer: Writer,
}

impl PostgresStore {
    /// Finds the server and its schema.
    ///
    /// Changes nothing: a schema that is missing or older than this program's is refused, and so is
    /// one that later programs have made their own ([`schema`]).
    pub async fn open(options: Options) -> Result<Self> {
        contained(Self::find(options)).await
    }

    async fn find(options: Options) -> Result<Self> {
        let link = Link::open(options).await?;
        let mut lent = link.reader(Instant::now() + PATIENCE).await?;
        let status = timeout_at(lent.due(), schema::status(&mut lent)).await;
        let status = lent.answered(status.map(Ok)).flatten();
        if let Err(refused) = status.and_then(schema::Status::check) {
            link.close().await;
            return Err(refused);
        }
        let writer = Writer::new(&link, link.writers());
        Ok(Self { link, writer })
    }

    /// What the connections are doing now.
    pub fn pool(&self) -> PoolState {
        self.link.pool()
    }

    /// Asks twice at most, if there is time: the first time, the connection may have been gone for
    /// hours, with or without a word.
    async fn ask(&self, call: &Call, query: impl Fn() -> Query) -> Result<Vec<PgRow>> {
        rules::on_time(call)?;
        match self.ask_once(call, query()).await {
            Err(StoreError::Unavailable { retryable: true, cause: Some(error), .. })
                if Instant::now() < call.deadline =>
            {
                tracing::debug!("reads again: {error}");
                self.ask_once(call, query()).await
            }
            answer => answer,
        }
    }

    async fn ask_once(&self, call: &Call, query: Query) -> Result<Vec<PgRow>> {
        let mut lent = self.link.reader(call.deadline).await?;
        let rows = timeout_at(lent.due(), query.fetch_all(&mut *lent)).await;
        lent.answered(rows)
    }
}

#[async_trait]
impl Secrets for PostgresStore {
    async fn read(&self, call: &Call, want: &[(SecretPath, Select)]) -> Result<Seen<Vec<Found>>> {
        let rows = self.ask(call, || reader::read(want));
        contained(Box::pin(async { reader::found(&rows.await?, want.len()) })).await
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Seen<Outcome>> {
        rules::batch(&batch)?;
        self.writer.submit(call, |answer| Job::Commit(batch, answer)).await
    }

    async fn list(&self, call: &Call, page: Page) -> Result<Seen<Listed>> {
        let rows = self.ask(call, || reader::list(&page));
        contained(Box::pin(async { reader::listed(&rows.await?, &page) })).await
    }
}

#[async_trait]
impl Documents for PostgresStore {
    async fn load(&self, call: &Call, kind: Kind, names: Names) -> Result<Seen<Vec<Document>>> {
        let rows = self.ask(call, || reader::load(kind, &names));
        contained(Box::pin(async { reader::loaded(&rows.await?) })).await
    }

    async fn change(
        &self,
        call: &Call,
        puts: Vec<DocumentPut>,
        drops: Vec<DocumentDrop>,
    ) -> Result<Epochs> {
        rules::change(&puts, &drops)?;
        self.writer.submit(call, |answer| Job::Change(puts, drops, answer)).await
    }
}

#[async_trait]
impl Manage for PostgresStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { multi_path: true, durable: true, shared: true }
    }

    async fn health(&self) -> Result<Health> {
        let call = Call {
            guard: None,
            deadline: Instant::now() + PATIENCE,
            at: Timestamp::UNIX_EPOCH,
            trace: TraceId::default(),
            caller: CallerHash([0; 32]),
        };
        let checked = self.writer.submit(&call, Job::Check).await?;
        Ok(Health {
            kind: "postgres",
            schema: checked.schema,
            server_version: checked.server_version,
            durable_on_standby: Some(checked.on_standby),
        })
    }

    async fn sweep(&self, call: &Call) -> Result<u64> {
        let mut swept = 0;
        loop {
            let step = self.writer.submit(call, Job::Sweep).await?;
            swept += step;
            if step < u64::from(SWEEP_STEP) {
                return Ok(swept);
            }
        }
    }

    async fn close(&self) {
        self.writer.close().await;
        self.link.close().await;
    }
}

/// Does work that the driver may panic in: at answers that no server of PostgreSQL's gives, from one
/// that was taken over or by a network that nothing protects. They stop nobody but who asked.
async fn contained<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    // What it borrows is the link and the line, whose locks are never held across an answer.
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or_else(|_| Err(StoreError::busy("the server's answer made the driver panic")))
}
