//! The one writer: a task that owns the only connection that writes, and commits in groups.
//!
//! Whatever waits in the queue when a transaction ends goes into the next one, so one `fsync` pays
//! for many writes. Each batch has a savepoint of its own and each caller its own result, which it
//! gets after `COMMIT` returned and not before.

mod commit;
mod document;
mod key;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use spike_store::{
    Batch, Call, DocumentDrop, DocumentPut, Epochs, Outcome, Result, Seen, StoreError, rules,
};
use sqlx::{Connection, SqliteConnection};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout_at,
};

use crate::{
    error::{commit_failed, failed},
    rows,
};

pub(crate) use self::key::SWEEP_STEP;

/// How many writes wait. More callers wait for a place, each until its deadline.
const QUEUE: usize = 256;

/// How many writes share a transaction: beyond this an `fsync` is no longer what they cost.
const GROUP: usize = 128;

/// How many bytes share a transaction, which bounds the growth of the write-ahead log.
const GROUP_BYTES: usize = 8 << 20;

/// Where a result goes.
type Answer<T> = oneshot::Sender<Result<T>>;

/// Gives a result to its caller, or the failure of the whole group.
type Reply = Box<dyn FnOnce(Option<StoreError>) + Send>;

/// What the writer can do.
pub(crate) enum Job {
    /// Heads and records.
    Commit(Batch, Answer<Seen<Outcome>>),
    /// Documents.
    Change(Vec<DocumentPut>, Vec<DocumentDrop>, Answer<Epochs>),
    /// Forgets some old write keys and says how many.
    Sweep(Answer<u64>),
    /// Writes something that changes nothing.
    Check(Answer<()>),
}

/// A job, and who waits for it.
struct Ticket {
    call: Call,
    job: Job,
    claim: Claim,
}

/// Whoever takes it first decides: the writer that the job happens, its caller that it doesn't.
#[derive(Clone, Default)]
struct Claim(Arc<AtomicBool>);

impl Claim {
    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// Hands jobs to the writer.
#[derive(Clone, Debug)]
pub(crate) struct Queue(mpsc::Sender<Ticket>);

impl Queue {
    /// The queue and the task that empties it, which ends when the last queue is gone.
    pub(crate) fn new(connection: SqliteConnection) -> (Self, impl Future<Output = ()>) {
        let (queue, tickets) = mpsc::channel(QUEUE);
        (Self(queue), run(connection, tickets))
    }

    /// Waits for the result of a job, until the deadline.
    ///
    /// A job that nobody has begun by then never happens. Dropping the future doesn't withdraw it.
    pub(crate) async fn submit<T>(
        &self,
        call: &Call,
        job: impl FnOnce(Answer<T>) -> Job,
    ) -> Result<T> {
        rules::on_time(call)?;
        let (answer, result) = oneshot::channel();
        let claim = Claim::default();
        let ticket = Ticket { call: call.clone(), job: job(answer), claim: claim.clone() };
        match timeout_at(call.deadline, self.0.send(ticket)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(closed()),
            Err(_) => return Err(StoreError::late()),
        }
        match timeout_at(call.deadline, result).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) if claim.take() => Err(closed()),
            Err(_) if claim.take() => Err(StoreError::late()),
            Ok(Err(_)) | Err(_) => Err(StoreError::Ambiguous { source: None }),
        }
    }
}

/// Nothing happened, nor will it.
pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable { reason: "the store is closed".into(), retryable: false, source: None }
}

async fn run(mut connection: SqliteConnection, mut tickets: mpsc::Receiver<Ticket>) {
    while let Some(first) = tickets.recv().await {
        let group = gather(first, &mut tickets);
        let mut replies = Vec::with_capacity(group.len());
        let failure = transaction(&mut connection, group, &mut replies).await.err();
        if failure.is_some() {
            // Some failures have ended the transaction already: then there is nothing to roll back.
            let _ = sqlx::query("ROLLBACK").execute(&mut connection).await;
        }
        for reply in replies {
            reply(failure.clone());
        }
    }
    // The last connection to close moves the log into the file and removes it.
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the store was not closed cleanly; its log is read at the next start");
    }
}

/// Takes what waits, within the bounds of a group.
fn gather(first: Ticket, tickets: &mut mpsc::Receiver<Ticket>) -> Vec<Ticket> {
    let mut bytes = first.job.weight();
    let mut group = vec![first];
    while group.len() < GROUP && bytes < GROUP_BYTES {
        let Ok(next) = tickets.try_recv() else { break };
        bytes += next.job.weight();
        group.push(next);
    }
    group
}

/// One transaction. Its replies are to be given with its result.
async fn transaction(
    connection: &mut SqliteConnection,
    group: Vec<Ticket>,
    replies: &mut Vec<Reply>,
) -> Result<()> {
    let mut group = group.into_iter();
    let ended = match begin(connection).await {
        Ok(epochs) => work(&mut Work { connection, epochs, lost: None }, &mut group, replies).await,
        Err(error) => Err(error),
    };
    if let Err(error) = &ended {
        replies.extend(group.map(|ticket| ticket.job.refused(error.clone())));
        return ended;
    }
    sqlx::query("COMMIT").execute(connection).await.map_err(commit_failed)?;
    Ok(())
}

/// Does the jobs of a group, up to one that loses the transaction.
async fn work(
    work: &mut Work<'_>,
    group: &mut impl Iterator<Item = Ticket>,
    replies: &mut Vec<Reply>,
) -> Result<()> {
    for Ticket { call, job, claim } in group {
        if !claim.take() {
            continue;
        }
        replies.push(match rules::on_time(&call) {
            Ok(()) => job.run(&call, work).await,
            Err(late) => job.refused(late),
        });
        if let Some(lost) = work.lost.take() {
            return Err(lost);
        }
    }
    Ok(())
}

async fn begin(connection: &mut SqliteConnection) -> Result<Epochs> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await.map_err(failed)?;
    let epochs = sqlx::query("SELECT counter, tag, ring FROM epochs");
    let row = epochs.fetch_one(connection).await.map_err(failed)?;
    rows::epochs(&row)
}

/// A transaction under way, with the epochs as its jobs have left them.
struct Work<'c> {
    connection: &'c mut SqliteConnection,
    epochs: Epochs,
    /// Why there is no transaction any more: a full disk, for one, ends it and not just the job.
    lost: Option<StoreError>,
}

impl Work<'_> {
    fn guard(&self, call: &Call) -> Result<()> {
        match call.guard {
            Some(guard) if guard != self.epochs => Err(StoreError::Stale { epochs: self.epochs }),
            _ => Ok(()),
        }
    }

    async fn execute(&mut self, sql: &'static str) -> Result<()> {
        sqlx::query(sql).execute(&mut *self.connection).await.map_err(failed)?;
        Ok(())
    }

    /// Begins a job: what follows is to be settled.
    async fn save(&mut self) -> Result<()> {
        self.execute("SAVEPOINT job").await.inspect_err(|error| self.lost = Some(error.clone()))
    }

    /// Ends a job: it leaves everything or nothing.
    async fn settle<T>(&mut self, result: Result<T>) -> Result<T> {
        let settled = match &result {
            Ok(_) => self.execute("RELEASE job").await,
            Err(_) => self.execute("ROLLBACK TO job; RELEASE job").await,
        };
        match settled {
            Ok(()) => result,
            Err(error) => {
                let cause = match result {
                    Err(cause @ StoreError::Unavailable { .. }) => cause,
                    _ => error,
                };
                self.lost = Some(cause.clone());
                Err(cause)
            }
        }
    }
}

impl Job {
    async fn run(self, call: &Call, work: &mut Work<'_>) -> Reply {
        if let Err(error) = work.save().await {
            return self.refused(error);
        }
        match self {
            Self::Commit(batch, answer) => {
                let epochs = work.epochs;
                let result = commit::commit(work, call, &batch).await;
                let result = work.settle(result).await;
                reply(answer, result.map(|value| Seen { epochs, value }))
            }
            Self::Change(puts, drops, answer) => {
                let result = document::change(work, call, &puts, &drops).await;
                reply(answer, work.settle(result).await)
            }
            Self::Sweep(answer) => {
                let result = key::sweep(work, call.at).await;
                reply(answer, work.settle(result).await)
            }
            Self::Check(answer) => {
                let result = work.execute("UPDATE epochs SET only = only").await;
                reply(answer, work.settle(result).await)
            }
        }
    }

    fn refused(self, error: StoreError) -> Reply {
        match self {
            Self::Commit(_, answer) => reply(answer, Err(error)),
            Self::Change(_, _, answer) => reply(answer, Err(error)),
            Self::Sweep(answer) => reply(answer, Err(error)),
            Self::Check(answer) => reply(answer, Err(error)),
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Commit(batch, _) => {
                let records = batch.commits.iter().flat_map(|commit| &commit.puts);
                let heads = batch.commits.iter().map(|commit| commit.head.bytes.len());
                heads.chain(records.map(|(_, record)| record.0.len())).sum()
            }
            Self::Change(puts, ..) => puts.iter().map(|put| put.document.bytes.len()).sum(),
            Self::Sweep(_) | Self::Check(_) => 0,
        }
    }
}

/// A caller that stopped waiting is no reason to fail.
fn reply<T: Send + 'static>(answer: Answer<T>, result: Result<T>) -> Reply {
    Box::new(move |failure| drop(answer.send(failure.map_or(result, Err))))
}

#[cfg(test)]
mod tests;
