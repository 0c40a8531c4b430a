//! The handle that a program writes audit lines with.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::{mpsc, oneshot},
    task,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use zeroize::Zeroizing;

use crate::{
    AuditError, Decision, Denials, Entry, Event, PublicKeys, Sink,
    denials::Counted,
    sign::Signer,
    sink::{Out, Tail},
    writer::{Board, Command, Writer},
};

/// Lines that may wait for the writer: two pages, the one in flight and the next.
const QUEUE: usize = 2048;

/// How long a caller waits for its line. Longer than a busy disk needs, shorter than a request may
/// take.
pub const APPEND_DEADLINE: Duration = Duration::from_secs(5);

/// How long closing waits for a sink that hangs.
pub const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// How often a head is signed if there are new lines.
const HEAD_EVERY_SECONDS: u64 = 10;

/// So many denials of one identity are written in a second; the rest is counted.
pub const DENIALS_PER_SECOND: u32 = 10;

/// The number of a line in its chain, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seq(pub u64);

/// What the log reports about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// `stdout` or `file`.
    pub sink: &'static str,
    /// The last durable line.
    pub last_seq: u64,
    /// Lines that were refused since the start.
    pub failures: u64,
    /// The keys that signed heads since the start.
    pub keys: PublicKeys,
}

/// An open audit log. Clones share one writer.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
}

struct Shared {
    queue: mpsc::Sender<Command>,
    board: Arc<Board>,
    denials: Mutex<Denials>,
    sink: &'static str,
    /// Cancelled when the writer has ended.
    ended: CancellationToken,
}

impl Log {
    /// Opens a log, continuing the chain of an existing file.
    ///
    /// A torn last line, left by a crash, is cut off and a `recovered` line says so.
    pub async fn open(sink: Sink, replica: String) -> Result<Self, AuditError> {
        let name = match sink {
            Sink::Stdout => "stdout",
            Sink::File { .. } => "file",
        };
        let opened = task::spawn_blocking(move || Out::open(&sink)).await;
        let (out, tail) = opened.map_err(std::io::Error::other)??;
        Self::start(name, (out, tail), replica)
    }

    pub(crate) fn start(
        sink: &'static str,
        (out, tail): (Out, Tail),
        replica: String,
    ) -> Result<Self, AuditError> {
        let (queue, commands) = mpsc::channel(QUEUE);
        let board = Arc::new(Board::default());
        let ended = CancellationToken::new();
        let writer = Writer::new(replica, out, tail, board.clone());
        let on_end = ended.clone().drop_guard();
        thread::Builder::new().name("audit".to_owned()).spawn(move || {
            let _on_end = on_end;
            writer.run(commands);
        })?;
        let denials = Mutex::new(Denials::new(DENIALS_PER_SECOND));
        let log = Self { shared: Arc::new(Shared { queue, board, denials, sink, ended }) };
        // Not on a tracker of the program's: that one is waited for before the log is closed.
        TaskTracker::new().spawn(tick(Arc::downgrade(&log.shared), log.shared.ended.clone()));
        Ok(log)
    }

    /// Appends a line and returns once it is durable; on any error nothing may be answered.
    ///
    /// A caller that is cancelled while it waits may still find its line in the log.
    pub async fn append(&self, entry: Entry) -> Result<Seq, AuditError> {
        let (answer, durable) = oneshot::channel();
        let line = Command::Line(Box::new(entry), answer);
        let appended = timeout(APPEND_DEADLINE, async {
            self.shared.queue.send(line).await.map_err(|_| AuditError::Closed)?;
            durable.await.map_err(|_| AuditError::Closed)?
        });
        appended.await.unwrap_or_else(|_| {
            let error = AuditError::TimedOut(APPEND_DEADLINE);
            self.shared.board.failures.fetch_add(1, Relaxed);
            self.shared.board.note(Some(error.clone()));
            Err(error)
        })
    }

    /// Appends a denial. Beyond [`DENIALS_PER_SECOND`] of one identity it is only counted (`None`),
    /// and one line a second later tells how many there were.
    pub async fn append_denial(&self, entry: Entry) -> Result<Option<Seq>, AuditError> {
        if self.shared.ended.is_cancelled() {
            return Err(AuditError::Closed);
        }
        if !self.shared.denials().admits(entry.principal.as_ref(), entry.time) {
            return Ok(None);
        }
        self.append(entry).await.map(Some)
    }

    /// Signs heads with this Ed25519 seed from now on: at once, every 10 s and on close.
    pub fn sign_with(&self, key_id: u32, seed: Zeroizing<[u8; 32]>) {
        self.shared.board.sign_with(Signer::new(key_id, &seed));
        drop(seed);
        // If the queue is full, a page is coming anyway.
        let _ = self.shared.queue.try_send(Command::Head);
    }

    /// What the log reports about itself.
    pub fn status(&self) -> Status {
        let board = &self.shared.board;
        Status {
            sink: self.shared.sink,
            last_seq: board.last_seq.load(Relaxed),
            failures: board.failures.load(Relaxed),
            keys: board.keys(),
        }
    }

    /// Why the log takes no lines: the last failure, until lines are kept again. It is tried again
    /// every second, whether anyone appends or not.
    pub fn trouble(&self) -> Option<AuditError> {
        self.shared.board.trouble()
    }

    /// Writes what is queued, signs a last head and closes the sink; waits at most
    /// [`CLOSE_DEADLINE`].
    pub async fn close(&self) {
        let counted = self.shared.denials().take_all();
        let closed = timeout(CLOSE_DEADLINE, async {
            self.append_counted(counted).await;
            // An error means that the writer has ended already.
            let _ = self.shared.queue.send(Command::Close).await;
            self.shared.ended.cancelled().await;
        });
        if closed.await.is_err() {
            tracing::error!("the audit log did not close within {CLOSE_DEADLINE:?}");
        }
    }

    async fn append_counted(&self, counted: Vec<Counted>) {
        for Counted { principal, count } in counted {
            let mut entry = Entry::new(Event::Denied, "denials", Timestamp::now());
            entry.principal = principal;
            entry.decision = Some(Decision::Deny);
            entry.result = Some(format!("{count} more denials").into());
            if let Err(error) = self.append(entry).await {
                tracing::error!(%error, count, "counted denials are not in the audit log");
            }
        }
    }
}

impl Shared {
    fn denials(&self) -> MutexGuard<'_, Denials> {
        // A count is never left half-changed, so a poisoned one is as good as any.
        self.denials.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Once a second: counted denials; every [`HEAD_EVERY_SECONDS`], or while lines are refused: a
/// signed head.
///
/// Holds the log only while it works, so that the last handle's end ends the writer, too.
async fn tick(shared: Weak<Shared>, ended: CancellationToken) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for second in 1_u64.. {
        if ended.run_until_cancelled(seconds.tick()).await.is_none() {
            return;
        }
        let Some(log) = shared.upgrade().map(|shared| Log { shared }) else { return };
        let counted = log.shared.denials().take_ended(Timestamp::now());
        log.append_counted(counted).await;
        if second.is_multiple_of(HEAD_EVERY_SECONDS) || log.trouble().is_some() {
            // A full queue will be signed at the next turn.
            let _ = log.shared.queue.try_send(Command::Head);
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("status", &self.status()).finish_non_exhaustive()
    }
}
