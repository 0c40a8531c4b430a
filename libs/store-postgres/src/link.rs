//! Connections to the one server that takes writes.
//!
//! A small pool of our own over the driver's connections (docs/adr/0015). It finds the primary among
//! several hosts, follows a promotion, follows a password or an authority that is replaced, and
//! never lends a connection whose last conversation didn't come to its end. It doesn't repeat
//! anything: what a failure means for a statement is its caller's affair.
//!
//! Connections belong to an [era](Era). When it is over, idle connections of it are closed, lent ones
//! are closed when they come back, and whoever needs one next looks for the primary again.

mod era;
mod files;
mod greeting;
mod lent;
mod lingering;
mod options;
mod walk;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use spike_store::{Result, StoreError, closed};
use sqlx::{Connection, PgConnection};
use tokio::{
    sync::{Mutex as Turn, Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use self::lent::Lent;
pub use self::options::{InvalidUrl, Options};
use self::{era::Era, files::Files, greeting::Process, walk::Missed};

/// How long somebody who can't have a new connection waits for one that is in use: most are for a
/// few milliseconds.
const TURN: Duration = Duration::from_millis(500);

/// How often a caller tries to open a connection, looking for the primary anew in between.
const TRIES: u32 = 2;

/// What a connection is lent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Read,
    Write,
}

/// A connection of an era.
struct Member {
    connection: PgConnection,
    era: Arc<Era>,
    /// The server's process at its other end.
    process: Process,
    born: Instant,
    _counted: Counted,
}

/// Lends connections. Clones are the same pool.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>);

struct Inner {
    options: Options,
    readers: Arc<Semaphore>,
    writers: Arc<Semaphore>,
    state: Mutex<State>,
    /// Rings when a connection comes back.
    returned: Notify,
    /// Who looks for the primary, and why it wasn't found last.
    search: Turn<Option<(Instant, StoreError)>>,
    /// The newest that was seen: an older server is a primary of the past.
    timeline: AtomicU32,
    opening: Arc<AtomicU32>,
    stuck: Arc<AtomicU32>,
    tasks: TaskTracker,
    closed: CancellationToken,
}

struct State {
    era: Option<Arc<Era>>,
    idle: Vec<Member>,
    look: Instant,
    readable: bool,
    /// New files that didn't let us in, and were told of.
    refused: Option<Files>,
}

/// What the connections are doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolState {
    /// They wait for work.
    pub idle: u32,
    /// They work.
    pub busy: u32,
    /// They are being opened.
    pub opening: u32,
    /// Nobody waits for their answer any more, but the server still works on it.
    pub stuck: u32,
}

impl Link {
    /// Finds the primary once, and begins.
    pub(crate) async fn open(options: Options) -> Result<Self> {
        let writers = writers(&options);
        let readers = options.connections - writers;
        let (idle, look) = (Vec::new(), Instant::now());
        let state = State { era: None, idle, look, readable: true, refused: None };
        let link = Self(Arc::new(Inner {
            options,
            readers: Arc::new(Semaphore::new(readers as usize)),
            writers: Arc::new(Semaphore::new(writers as usize)),
            state: Mutex::new(state),
            returned: Notify::new(),
            search: Turn::default(),
            timeline: AtomicU32::new(0),
            opening: Arc::default(),
            stuck: Arc::default(),
            tasks: TaskTracker::new(),
            closed: CancellationToken::new(),
        }));
        link.find().await?;
        Ok(link)
    }

    /// Lends a connection for a conversation that changes nothing.
    pub(crate) async fn reader(&self, deadline: Instant) -> Result<Lent> {
        self.lend(Use::Read, deadline).await
    }

    /// Lends a connection for one that may. Reads never take these away.
    pub(crate) async fn writer(&self, deadline: Instant) -> Result<Lent> {
        self.lend(Use::Write, deadline).await
    }

    /// Makes sure that a writer can be had.
    pub(crate) async fn ready(&self, deadline: Instant) -> Result<()> {
        self.writer(deadline).await?.answered(Ok(Ok(())))
    }

    /// How many conversations that may change something there are at a time.
    pub(crate) fn writers(&self) -> usize {
        writers(&self.0.options) as usize
    }

    /// What the connections are doing now.
    pub(crate) fn pool(&self) -> PoolState {
        let free = self.0.readers.available_permits() + self.0.writers.available_permits();
        let taken = self.0.options.connections.saturating_sub(u32::try_from(free).unwrap_or(0));
        let opening = self.0.opening.load(Ordering::Relaxed);
        let stuck = self.0.stuck.load(Ordering::Relaxed);
        let busy = taken.saturating_sub(opening + stuck);
        let idle = u32::try_from(self.state().idle.len()).unwrap_or(u32::MAX);
        PoolState { idle, busy, opening, stuck }
    }

    /// Lends nothing any more, and says goodbye to the server.
    pub(crate) async fn close(&self) {
        self.0.closed.cancel();
        self.0.readers.close();
        self.0.writers.close();
        let idle = std::mem::take(&mut self.state().idle);
        for member in idle {
            // The server ends it anyway.
            let _ = member.connection.close().await;
        }
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    async fn lend(&self, purpose: Use, deadline: Instant) -> Result<Lent> {
        let permit = self.permit(purpose, deadline).await?;
        let mut tries = 0;
        loop {
            let era = self.era(deadline).await?;
            tries += 1;
            match self.member(&era, deadline).await {
                Ok(member) => {
                    return Ok(Lent::new(self.clone(), member, permit, purpose, deadline));
                }
                Err(Missed { error, is_gone }) => {
                    // Without a connection there is nothing to lose by another search.
                    if !is_gone && era.members.load(Ordering::Acquire) > 0 {
                        return Err(error);
                    }
                    self.retire(&era, &error);
                    if tries >= TRIES {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// A connection that waits for work, or a new one. If no new one is to be had though the server
    /// is there, an old one, or one that comes back before long.
    async fn member(
        &self,
        era: &Arc<Era>,
        deadline: Instant,
    ) -> std::result::Result<Member, Missed> {
        let old = match self.take_idle(era) {
            Some(member) if !member.is_old() => return Ok(member),
            old => old,
        };
        let missed = match self.open_one(era, deadline).await {
            Ok(member) => return Ok(member),
            Err(missed) => missed,
        };
        if missed.is_gone {
            return Err(missed);
        }
        match old {
            Some(member) => Ok(member),
            None => self.take_returned(era, deadline).await.ok_or(missed),
        }
    }

    async fn permit(&self, purpose: Use, deadline: Instant) -> Result<OwnedSemaphorePermit> {
        let (permits, what) = match purpose {
            Use::Read => (&self.0.readers, "reads"),
            Use::Write => (&self.0.writers, "writes"),
        };
        match timeout_at(deadline, permits.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(closed()),
            Err(_) => Err(StoreError::busy(format!("all connections for {what} are in use"))),
        }
    }

    /// One more connection of the era.
    async fn open_one(
        &self,
        era: &Arc<Era>,
        deadline: Instant,
    ) -> std::result::Result<Member, Missed> {
        let _counted = Counted::in_(&self.0.opening);
        let timeline = self.0.timeline.load(Ordering::Acquire);
        let opening = walk::greet(&self.0.options, &era.host, &era.files, timeline);
        let opened = timeout_at(deadline, opening).await;
        let late = |_| Err(Missed { error: StoreError::late(), is_gone: false });
        let (connection, greeting) = opened.unwrap_or_else(late)?;
        self.0.timeline.fetch_max(greeting.timeline.unwrap_or_default(), Ordering::AcqRel);
        Ok(Member::new(connection, era, greeting.process))
    }

    /// The connection that was used last: its process is the warmest.
    fn take_idle(&self, era: &Arc<Era>) -> Option<Member> {
        let mut state = self.state();
        if state.idle.iter().any(|member| !member.is_old()) {
            state.idle.retain(|member| !member.is_old());
        }
        if state.idle.last().is_some_and(|member| Arc::ptr_eq(&member.era, era)) {
            state.idle.pop()
        } else {
            None
        }
    }

    async fn take_returned(&self, era: &Arc<Era>, deadline: Instant) -> Option<Member> {
        let end = deadline.min(Instant::now() + TURN);
        while era.members.load(Ordering::Acquire) > 0 {
            if let Some(member) = self.take_idle(era) {
                return Some(member);
            }
            timeout_at(end, self.0.returned.notified()).await.ok()?;
        }
        None
    }

    fn give_back(&self, member: Member) {
        let mut state = self.state();
        let current = state.era.as_ref().is_some_and(|era| Arc::ptr_eq(era, &member.era));
        if current && !self.0.closed.is_cancelled() {
            state.idle.push(member);
            self.0.returned.notify_one();
        }
    }

    /// Nothing is done under the lock that could panic halfway.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("options", &self.0.options).finish_non_exhaustive()
    }
}

/// One connection to the primary, for work that takes as long as it takes: no statement of it is cut
/// off, except that it doesn't wait for locks for ever.
pub async fn connect(options: &Options) -> Result<PgConnection> {
    let files = Files::read(options).await.map_err(|e| StoreError::busy(e.to_string()))?;
    let mut connection = walk::find(options, &files, 0).await?.connection;
    sqlx::raw_sql("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
        .execute(&mut connection)
        .await
        .map_err(crate::error::failed)?;
    Ok(connection)
}

/// Something that goes on, counted while it does.
struct Counted(Arc<AtomicU32>);

impl Counted {
    fn in_(counter: &Arc<AtomicU32>) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A group of writes pays for itself: they need fewer connections than reads.
fn writers(options: &Options) -> u32 {
    (options.connections / 3).max(1)
}
