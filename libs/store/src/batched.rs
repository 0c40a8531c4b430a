//! Coalesced reads: many callers, few round trips.
//!
//! A read that arrives while batches are in flight waits and joins the **next** one. It never joins
//! a running one, whose snapshot may miss a write that was acknowledged before the read arrived.
//! Nothing is remembered between batches: this is no cache.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use spike_core::SecretPath;
use tokio::{
    runtime::Handle,
    sync::oneshot,
    time::{Instant, timeout_at},
};
use tokio_util::task::TaskTracker;

use crate::{
    Batch, Call, Capabilities, Document, DocumentDrop, DocumentPut, Documents, Epochs, Found,
    Health, Kind, Listed, Manage, Names, Outcome, Page, Result, Secrets, Seen, Select, Store,
    StoreError, rules,
};

/// How reads are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many batches are in flight at once. A read that finds one of these free goes at once.
    pub lanes: usize,
    /// How many paths a batch has; a single read of more still goes, alone.
    pub paths: usize,
    /// How many reads wait; the next is refused, because it would only wait for its deadline.
    pub waiting: usize,
}

impl Default for Limits {
    /// Four connections carry 32-path batches at several times the rate of single reads; a waiting
    /// line of 4,096 is a tenth of a second of such batches.
    fn default() -> Self {
        Self { lanes: 4, paths: 64, waiting: 4_096 }
    }
}

/// A store whose reads are coalesced; everything else goes straight through.
///
/// A caller that goes away takes nothing with it: batches run on tasks of their own.
pub struct Batched<S: ?Sized> {
    line: Arc<Line<S>>,
}

/// The line of waiting reads, and who serves it.
struct Line<S: ?Sized> {
    waiting: Mutex<Waiting>,
    limits: Limits,
    tasks: TaskTracker,
    store: Arc<S>,
}

#[derive(Default)]
struct Waiting {
    reads: VecDeque<Read>,
    busy: usize,
}

struct Read {
    call: Call,
    want: Vec<(SecretPath, Select)>,
    answer: oneshot::Sender<Result<Seen<Vec<Found>>>>,
}

impl Read {
    fn is_awaited(&self) -> bool {
        !self.answer.is_closed() && self.call.deadline > Instant::now()
    }
}

impl<S: Store + ?Sized + 'static> Batched<S> {
    /// Coalesces the reads of this store.
    pub fn new(store: Arc<S>, limits: Limits) -> Self {
        let (waiting, tasks) = (Mutex::default(), TaskTracker::new());
        Self { line: Arc::new(Line { waiting, limits, tasks, store }) }
    }
}

impl<S: Store + ?Sized + 'static> Line<S> {
    /// Nothing is done under the lock that could panic halfway.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(self: &Arc<Self>, read: Read) -> Result<()> {
        let lane = {
            let mut waiting = self.waiting();
            if waiting.reads.len() >= self.limits.waiting {
                return Err(StoreError::busy("too many reads are waiting"));
            }
            waiting.reads.push_back(read);
            self.open_lane(&mut waiting)
        };
        self.start(lane);
        Ok(())
    }

    /// One more lane, if there are reads for it and it is allowed.
    fn open_lane(self: &Arc<Self>, waiting: &mut Waiting) -> Option<Lane<S>> {
        let opens = !waiting.reads.is_empty() && waiting.busy < self.limits.lanes.max(1);
        opens.then(|| {
            waiting.busy += 1;
            Lane { line: self.clone(), begun: false }
        })
    }

    /// Never under the lock: a runtime that is ending drops the lane at once, which takes the lock.
    fn start(&self, lane: Option<Lane<S>>) {
        if let (Some(lane), Ok(runtime)) = (lane, Handle::try_current()) {
            self.tasks.spawn_on(lane.run(), &runtime);
        }
    }

    /// The reads of the next batch: those that waited longest and that someone still waits for.
    fn next(&self) -> Vec<Read> {
        let mut waiting = self.waiting();
        let (mut batch, mut paths) = (Vec::new(), 0);
        while let Some(read) = waiting.reads.pop_front() {
            if !read.is_awaited() {
                continue;
            }
            paths += read.want.len();
            if paths > self.limits.paths && !batch.is_empty() {
                waiting.reads.push_front(read);
                break;
            }
            batch.push(read);
        }
        batch
    }

    async fn answer(&self, batch: Vec<Read>) {
        let Some(call) = call_of(&batch) else { return };
        let want: Vec<_> = batch.iter().flat_map(|read| &read.want).cloned().collect();
        match self.store.read(&call, &want).await {
            Ok(seen) => deal(batch, seen),
            Err(error) if batch.len() == 1 || is_everyones(&error) => {
                for read in batch {
                    drop(read.answer.send(Err(error.clone())));
                }
            }
            // One damaged row is the misfortune of those who want it and of nobody else.
            Err(_) => {
                for Read { call, want, answer } in batch {
                    drop(answer.send(self.store.read(&call, &want).await));
                }
            }
        }
    }
}

/// One batch after the other, until none is left.
struct Lane<S: Store + ?Sized + 'static> {
    line: Arc<Line<S>>,
    begun: bool,
}

impl<S: Store + ?Sized + 'static> Lane<S> {
    async fn run(mut self) {
        self.begun = true;
        loop {
            let batch = self.line.next();
            if batch.is_empty() {
                break;
            }
            self.line.answer(batch).await;
        }
    }
}

/// However a lane ends, by a panic of the store too, it hands over to another one if reads are
/// waiting by then. One that never began doesn't: then the runtime is ending.
impl<S: Store + ?Sized + 'static> Drop for Lane<S> {
    fn drop(&mut self) {
        let next = {
            let mut waiting = self.line.waiting();
            waiting.busy -= 1;
            if self.begun { self.line.open_lane(&mut waiting) } else { None }
        };
        self.line.start(next);
    }
}

/// The call of a batch: its first read's, with the time of the most patient one.
fn call_of(batch: &[Read]) -> Option<Call> {
    let deadline = batch.iter().map(|read| read.call.deadline).max()?;
    Some(Call { guard: None, deadline, ..batch.first()?.call.clone() })
}

fn is_everyones(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable { .. } | StoreError::Schema { .. })
}

/// Gives each read its part of the answer.
fn deal(batch: Vec<Read>, seen: Seen<Vec<Found>>) {
    let mut found = seen.value.into_iter();
    for Read { want, answer, .. } in batch {
        let value: Vec<_> = found.by_ref().take(want.len()).collect();
        let result = if value.len() == want.len() {
            Ok(Seen { epochs: seen.epochs, value })
        } else {
            Err(StoreError::Corrupt("fewer answers than questions".to_owned()))
        };
        drop(answer.send(result));
    }
}

#[async_trait]
impl<S: Store + ?Sized + 'static> Secrets for Batched<S> {
    async fn read(&self, call: &Call, want: &[(SecretPath, Select)]) -> Result<Seen<Vec<Found>>> {
        rules::on_time(call)?;
        let (answer, result) = oneshot::channel();
        self.line.join(Read { call: call.clone(), want: want.to_vec(), answer })?;
        match timeout_at(call.deadline, result).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(StoreError::busy("the batch of the read ended without an answer")),
            Err(_) => Err(StoreError::late()),
        }
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Seen<Outcome>> {
        self.line.store.commit(call, batch).await
    }

    async fn list(&self, call: &Call, page: Page) -> Result<Seen<Listed>> {
        self.line.store.list(call, page).await
    }
}

#[async_trait]
impl<S: Store + ?Sized + 'static> Documents for Batched<S> {
    async fn load(&self, call: &Call, kind: Kind, names: Names) -> Result<Seen<Vec<Document>>> {
        self.line.store.load(call, kind, names).await
    }

    async fn change(
        &self,
        call: &Call,
        puts: Vec<DocumentPut>,
        drops: Vec<DocumentDrop>,
    ) -> Result<Epochs> {
        self.line.store.change(call, puts, drops).await
    }
}

#[async_trait]
impl<S: Store + ?Sized + 'static> Manage for Batched<S> {
    fn capabilities(&self) -> Capabilities {
        self.line.store.capabilities()
    }

    async fn health(&self) -> Result<Health> {
        self.line.store.health().await
    }

    async fn sweep(&self, call: &Call) -> Result<u64> {
        self.line.store.sweep(call).await
    }

    async fn close(&self) {
        self.line.tasks.close();
        self.line.tasks.wait().await;
        self.line.store.close().await;
    }
}

impl<S: ?Sized> Clone for Batched<S> {
    fn clone(&self) -> Self {
        Self { line: self.line.clone() }
    }
}

impl<S: ?Sized> fmt::Debug for Batched<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batched").field("limits", &self.line.limits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
