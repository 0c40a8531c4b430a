//! The one writer: a task that owns the only connection that writes, and commits in groups.
//!
//! Whatever waits in the queue when a transaction ends goes into the next one, so one `fsync` and
//! one handful of statements pay for many writes. Within a group everything that can be refused is
//! refused by a decision on what was read, before anything is written: what a batch writes can then
//! fail only together with its whole group, and no batch can be there by half. Each caller gets its
//! own result after `COMMIT` returned and not before.

mod commit;
mod document;
mod key;
mod plan;

use std::sync::Arc;

use spike_store::{
    Batch, Call, DocumentDrop, DocumentPut, Epochs, Outcome, Result, Seen, StoreError,
    claim::{Claim, closed},
    rules,
};
use sqlx::{Connection, SqliteConnection};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout_at,
};

pub(crate) use self::key::SWEEP_STEP;
use crate::{
    error::{commit_failed, failed},
    names::FileNames,
    rows,
};

/// How many writes wait. More callers wait for a place, each until its deadline.
const QUEUE: usize = 256;

/// How many writes share a transaction: beyond this an `fsync` is no longer what they cost.
const GROUP: usize = 128;

/// How many bytes share a transaction, which bounds the growth of the write-ahead log.
const GROUP_BYTES: usize = 8 << 20;

/// What the writer can do.
pub(crate) enum Job {
    /// Heads and records.
    Commit(Batch, Slot<Seen<Outcome>>),
    /// Documents.
    Change(Vec<DocumentPut>, Vec<DocumentDrop>, Slot<Epochs>),
    /// Forgets some old write keys and says how many.
    Sweep(Slot<u64>),
    /// Writes something that changes nothing.
    Check(Slot<()>),
}

/// The result of a job, kept until its transaction has ended, and who waits for it.
pub(crate) struct Slot<T> {
    result: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T> Slot<T> {
    fn give(self, failure: Option<StoreError>) {
        // A caller that stopped waiting is no reason to fail.
        if let Some(result) = failure.map(Err).or(self.result) {
            drop(self.answer.send(result));
        }
    }
}

/// A job, and whose it is.
struct Ticket {
    call: Call,
    job: Job,
    claim: Claim,
}

/// Hands jobs to the writer.
#[derive(Clone, Debug)]
pub(crate) struct Queue(mpsc::Sender<Ticket>);

impl Queue {
    /// The queue and the task that empties it, which ends when the last queue is gone.
    pub(crate) fn new(
        connection: SqliteConnection,
        names: Arc<FileNames>,
    ) -> (Self, impl Future<Output = ()>) {
        let (queue, tickets) = mpsc::channel(QUEUE);
        (Self(queue), run(connection, names, tickets))
    }

    /// Waits for the result of a job, until the deadline.
    ///
    /// A job that nobody has begun by then never happens. Dropping the future doesn't withdraw it.
    pub(crate) async fn submit<T>(
        &self,
        call: &Call,
        job: impl FnOnce(Slot<T>) -> Job,
    ) -> Result<T> {
        rules::on_time(call)?;
        let (answer, result) = oneshot::channel();
        let claim = Claim::default();
        let job = job(Slot { result: None, answer });
        let ticket = Ticket { call: call.clone(), job, claim: claim.clone() };
        match timeout_at(call.deadline, self.0.send(ticket)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(closed()),
            Err(_) => return Err(StoreError::late()),
        }
        claim.wait(call.deadline, result).await
    }
}

async fn run(
    mut connection: SqliteConnection,
    names: Arc<FileNames>,
    mut tickets: mpsc::Receiver<Ticket>,
) {
    while let Some(first) = tickets.recv().await {
        let mut group = gather(first, &mut tickets);
        let failure = named_transaction(&mut connection, &names, &mut group).await.err();
        if failure.is_some() {
            // Some failures have ended the transaction already: then there is nothing to roll back.
            let _ = sqlx::query("ROLLBACK").execute(&mut connection).await;
        }
        for ticket in group {
            ticket.job.finish(failure.clone());
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

/// One transaction, on a file that has its name before and after it.
///
/// A commit into a file that lost its name meanwhile may be lost, or found when the file is back.
async fn named_transaction(
    connection: &mut SqliteConnection,
    names: &FileNames,
    group: &mut Vec<Ticket>,
) -> Result<()> {
    names.check()?;
    transaction(connection, group).await?;
    names.check().map_err(|error| StoreError::Ambiguous { source: Some(Arc::new(error)) })
}

/// One transaction. An error is the whole group's: nothing of it happened.
async fn transaction(connection: &mut SqliteConnection, group: &mut Vec<Ticket>) -> Result<()> {
    let mut work = begin(connection).await?;
    // What its caller has given up is left out. What its caller has merely left is done.
    group.retain(|ticket| ticket.claim.take());
    for jobs in group.chunk_by_mut(|one, next| one.job.is_commit() && next.job.is_commit()) {
        commit::run(&mut work, jobs).await?;
        for Ticket { call, job, .. } in jobs {
            match job {
                Job::Commit(..) => {}
                Job::Change(puts, drops, slot) => {
                    slot.result = Some(document::change(&mut work, call, puts, drops).await?);
                }
                Job::Sweep(slot) => slot.result = Some(Ok(key::sweep(&mut work, call.at).await?)),
                Job::Check(slot) => slot.result = Some(Ok(work.touch().await?)),
            }
        }
    }
    sqlx::query("COMMIT").execute(work.connection).await.map_err(commit_failed)?;
    Ok(())
}

async fn begin(connection: &mut SqliteConnection) -> Result<Work<'_>> {
    let begin = "BEGIN IMMEDIATE; SELECT counter, tag, ring FROM epochs";
    let row = sqlx::query(begin).fetch_one(&mut *connection).await.map_err(failed)?;
    Ok(Work { connection, epochs: rows::epochs(&row)? })
}

/// A transaction under way, with the epochs as its jobs have left them.
struct Work<'c> {
    connection: &'c mut SqliteConnection,
    epochs: Epochs,
}

impl Work<'_> {
    /// Proves that the file can be written, by writing what is there.
    async fn touch(&mut self) -> Result<()> {
        let same = sqlx::query("UPDATE epochs SET only = only");
        same.execute(&mut *self.connection).await.map_err(failed)?;
        Ok(())
    }
}

impl Job {
    const fn is_commit(&self) -> bool {
        matches!(self, Self::Commit(..))
    }

    fn finish(self, failure: Option<StoreError>) {
        match self {
            Self::Commit(_, slot) => slot.give(failure),
            Self::Change(_, _, slot) => slot.give(failure),
            Self::Sweep(slot) => slot.give(failure),
            Self::Check(slot) => slot.give(failure),
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

#[cfg(test)]
mod tests;
