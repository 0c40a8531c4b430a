//! Writes: a line of them, and a few lanes that each take what waits and commit it together.
//!
//! A connection does one thing at a time and a commit waits for a disk, and perhaps for a standby:
//! alone, each write would wait for those before it. So whatever waits when a lane is free goes into
//! one statement, which is a transaction of its own. A batch that is not to be written (its guard is
//! stale, its key was used, its path changed) is left out by that statement, harms no other in it,
//! and is told why by a look at what is there. Two lanes never touch the same path at a time.

mod change;
mod check;
mod commit;
mod keys;
mod lane;
mod line;
mod present;

use std::sync::Arc;

use spike_store::{
    Batch, Call, DocumentDrop, DocumentPut, Epochs, Outcome, Result, Seen, StoreError,
    claim::Claim, rules,
};
use tokio::{sync::oneshot, time::timeout_at};
use tokio_util::task::TaskTracker;

use self::{
    keys::Tally,
    line::{Line, Ticket},
};
use crate::link::Link;

pub(crate) use self::{check::Checked, keys::SWEEP_STEP};

/// What a lane can do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Heads and records.
    Commit(Batch, Answer<Seen<Outcome>>),
    /// Documents.
    Change(Vec<DocumentPut>, Vec<DocumentDrop>, Answer<Epochs>),
    /// Forgets some old write keys and says how many.
    Sweep(Answer<u64>),
    /// Writes something that changes nothing.
    Check(Answer<Checked>),
}

/// Who waits for a result. One that stopped waiting is no reason to fail.
pub(crate) type Answer<T> = oneshot::Sender<Result<T>>;

/// Hands writes to the lanes.
#[derive(Debug)]
pub(crate) struct Writer {
    line: Arc<Line>,
    lanes: TaskTracker,
}

impl Writer {
    /// Opens so many lanes. They connect when there is something to write.
    pub(crate) fn new(link: &Link, lanes: usize) -> Self {
        let writer = Self { line: Arc::new(Line::default()), lanes: TaskTracker::new() };
        let tally = Arc::new(Tally::default());
        for _ in 0..lanes.max(1) {
            let lane = lane::run(writer.line.clone(), link.clone(), tally.clone());
            writer.lanes.spawn(lane);
        }
        writer
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
        let ticket = Ticket::new(call.clone(), job(answer), claim.clone());
        match timeout_at(call.deadline, self.line.join(ticket)).await {
            Ok(joined) => joined?,
            Err(_) => return Err(StoreError::late()),
        }
        claim.wait(call.deadline, result).await
    }

    /// Finishes what was begun, refuses the rest and waits for the lanes to end.
    pub(crate) async fn close(&self) {
        self.line.close();
        self.lanes.close();
        self.lanes.wait().await;
    }
}
