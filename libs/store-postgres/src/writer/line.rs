//! The line of waiting writes, and which of them go next. No I/O.

use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use spike_core::SecretPath;
use spike_store::{
    Batch, Call, Result, StoreError,
    claim::{Claim, closed},
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::Job;

/// How many writes wait. More callers wait for a place, each until its deadline: this many are
/// several full groups for each lane, a fraction of a second's work.
const PLACES: usize = 1_024;

/// How many writes share a statement: beyond this the wait for the disk is no longer what they cost.
pub(super) const GROUP: usize = 128;

/// How many bytes share a statement: bounds what one holds in memory, here and at the server.
const GROUP_BYTES: usize = 8 << 20;

/// A job, and whose it is.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) call: Call,
    pub(super) job: Job,
    claim: Claim,
    /// Held while it waits: bounds what waits in memory. What is being done is bounded by the lanes.
    place: Option<OwnedSemaphorePermit>,
}

impl Ticket {
    pub(super) const fn new(call: Call, job: Job, claim: Claim) -> Self {
        Self { call, job, claim, place: None }
    }

    /// Those that share a statement with others: one path at most, so that each is whole or not
    /// there without a word from anyone.
    const fn is_social(&self) -> bool {
        matches!(&self.job, Job::Commit(Batch { commits, .. }, _) if commits.len() <= 1)
    }

    fn touches(&self) -> Vec<Touch> {
        let Job::Commit(Batch { commits, key }, _) = &self.job else { return Vec::new() };
        let paths = commits.iter().map(|commit| Touch::Path(commit.path.clone()));
        paths.chain(key.iter().map(|key| Touch::Scope(key.scope))).collect()
    }

    fn weight(&self) -> usize {
        let Job::Commit(Batch { commits, .. }, _) = &self.job else { return 0 };
        let records = commits.iter().flat_map(|commit| &commit.puts);
        let heads = commits.iter().map(|commit| commit.head.bytes.len());
        heads.chain(records.map(|(_, record)| record.0.len())).sum()
    }
}

/// What no two lanes touch at a time: the second would only wait for the first and hold up its group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Touch {
    Path(SecretPath),
    Scope([u8; 32]),
}

/// Writes that wait.
#[derive(Debug)]
pub(super) struct Line {
    waiting: Mutex<Waiting>,
    places: Arc<Semaphore>,
    bell: Notify,
    serving: AtomicUsize,
}

#[derive(Debug, Default)]
struct Waiting {
    tickets: VecDeque<Ticket>,
    busy: HashSet<Touch>,
    closed: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            places: Arc::new(Semaphore::new(PLACES)),
            bell: Notify::new(),
            serving: AtomicUsize::new(0),
        }
    }
}

impl Line {
    /// Nothing is done under the lock that could panic halfway.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place, and puts the ticket into it.
    pub(super) async fn join(&self, mut ticket: Ticket) -> Result<()> {
        let place = self.places.clone().acquire_owned().await.map_err(|_| closed())?;
        ticket.place = Some(place);
        let mut waiting = self.waiting();
        if waiting.closed {
            return Err(closed());
        }
        waiting.tickets.push_back(ticket);
        drop(waiting);
        self.bell.notify_one();
        Ok(())
    }

    /// Takes no more tickets; lanes end when those that wait are done.
    pub(super) fn close(&self) {
        self.waiting().closed = true;
        self.places.close();
        self.bell.notify_waiters();
    }

    /// Waits until there is something to do: until when the most patient of its callers waits.
    /// `None` when the line is closed and empty.
    pub(super) async fn work(&self) -> Option<Instant> {
        loop {
            let rung = self.bell.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            {
                let mut waiting = self.waiting();
                if let Some(deadline) = waiting.patience() {
                    return Some(deadline);
                }
                if waiting.closed && waiting.tickets.is_empty() {
                    // The bell wakes one; it wakes the next.
                    self.bell.notify_one();
                    return None;
                }
            }
            rung.await;
        }
    }

    /// What goes next, and together: one that keeps to itself, or as many others as share a guard.
    pub(super) fn next(self: &Arc<Self>) -> Group {
        let mut waiting = self.waiting();
        let tickets = waiting.gather();
        let touches: Vec<_> = tickets.iter().flat_map(Ticket::touches).collect();
        waiting.busy.extend(touches.iter().cloned());
        let more = !waiting.tickets.is_empty();
        drop(waiting);
        if more {
            self.bell.notify_one();
        }
        self.serving.fetch_add(1, Ordering::AcqRel);
        Group { tickets, touches, line: self.clone() }
    }

    /// True if some lane is at work: what waits may wait for that one.
    pub(super) fn is_served(&self) -> bool {
        self.serving.load(Ordering::Acquire) > 0
    }
}

impl Waiting {
    /// The latest deadline of those that could go now, as far as [`Self::gather`] looks: a lane that
    /// is sent for others would find nothing, again and again. Whoever doesn't wait any more is let
    /// go.
    fn patience(&mut self) -> Option<Instant> {
        self.tickets.retain(|ticket| !ticket.claim.is_taken());
        let mut passed = self.busy.clone();
        let mut latest = None;
        for ticket in &self.tickets {
            let touches = ticket.touches();
            if touches.iter().all(|touch| !passed.contains(touch)) {
                latest = latest.max(Some(ticket.call.deadline));
            }
            passed.extend(touches);
            if !ticket.is_social() {
                break;
            }
        }
        latest
    }

    fn gather(&mut self) -> Vec<Ticket> {
        let (mut group, mut bytes) = (Vec::<Ticket>::new(), 0);
        let mut passed = self.busy.clone();
        let mut stay = VecDeque::with_capacity(self.tickets.len());
        while let Some(ticket) = self.tickets.pop_front() {
            let full = group.len() >= GROUP || bytes >= GROUP_BYTES;
            let apart = group.first().is_some_and(|first| {
                !first.is_social() || !ticket.is_social() || first.call.guard != ticket.call.guard
            });
            let touches = ticket.touches();
            let free = touches.iter().all(|touch| !passed.contains(touch));
            passed.extend(touches);
            if full || apart || !free {
                stay.push_back(ticket);
            } else if ticket.claim.take() {
                bytes += ticket.weight();
                group.push(ticket);
            }
            // Nothing overtakes one that keeps to itself; its caller would wait for ever.
            if full || stay.back().is_some_and(|last| !last.is_social()) {
                break;
            }
        }
        stay.append(&mut self.tickets);
        self.tickets = stay;
        group
    }
}

/// What a lane does next. What it touches is free again when it is dropped.
#[derive(Debug)]
pub(super) struct Group {
    tickets: Vec<Ticket>,
    touches: Vec<Touch>,
    line: Arc<Line>,
}

impl Group {
    /// When the most patient of its callers stops waiting, but not before `least`.
    pub(super) fn deadline(&self, least: Instant) -> Instant {
        self.tickets.iter().map(|ticket| ticket.call.deadline).fold(least, Instant::max)
    }

    /// The jobs, to be done while the group lives.
    pub(super) fn take(&mut self) -> Vec<Ticket> {
        std::mem::take(&mut self.tickets)
    }

    /// Tells each of them the same.
    pub(super) fn refuse(mut self, error: &StoreError) {
        for ticket in self.take() {
            ticket.job.refuse(error.clone());
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.line.serving.fetch_sub(1, Ordering::AcqRel);
        let mut waiting = self.line.waiting();
        for touch in &self.touches {
            waiting.busy.remove(touch);
        }
        let more = !waiting.tickets.is_empty() || waiting.closed;
        drop(waiting);
        if more {
            self.line.bell.notify_one();
        }
    }
}

impl Job {
    pub(super) fn refuse(self, error: StoreError) {
        match self {
            Self::Commit(_, answer) => drop(answer.send(Err(error))),
            Self::Change(_, _, answer) => drop(answer.send(Err(error))),
            Self::Sweep(answer) => drop(answer.send(Err(error))),
            Self::Check(answer) => drop(answer.send(Err(error))),
        }
    }
}

#[cfg(test)]
mod tests;
