//! The one thread that writes: takes what is queued, writes it as one page, answers everyone.
//!
//! A thread and not a task: a disk or a pipe that hangs must hang nothing else, and a process that
//! is told to stop must not wait for it.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::{
    AuditError, Entry, PublicKeys, Seq,
    chain::{Page, Position},
    line::Own,
    sign::Signer,
    sink::{Out, Place, Tail},
};

/// The most lines of one page: what waits behind a slow disk is bounded, and so is a page.
const MAX_PAGE: usize = 1024;

/// What the writer is asked to do.
pub(crate) enum Command {
    /// Write a line and say when it is durable.
    Line(Box<Entry>, oneshot::Sender<Result<Seq, AuditError>>),
    /// Sign what isn't signed yet.
    Head,
    /// Sign a last head and end.
    Close,
}

/// What the log's handles and the writer tell each other past the queue.
#[derive(Default)]
pub(crate) struct Board {
    pub(crate) last_seq: AtomicU64,
    pub(crate) failures: AtomicU64,
    /// Every key that signed since the start.
    keys: Mutex<PublicKeys>,
    next_signer: Mutex<Option<Signer>>,
    /// Why the last line was refused, while none was kept since.
    trouble: Mutex<Option<AuditError>>,
}

impl Board {
    /// The writer takes this signer with its next page.
    pub(crate) fn sign_with(&self, signer: Signer) {
        let (id, key) = signer.public();
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).insert(id, key);
        *self.next_signer.lock().unwrap_or_else(PoisonError::into_inner) = Some(signer);
    }

    pub(crate) fn keys(&self) -> PublicKeys {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the log takes no lines, if it doesn't.
    pub(crate) fn trouble(&self) -> Option<AuditError> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lines were kept (`None`), or refused.
    pub(crate) fn note(&self, trouble: Option<AuditError>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn take_signer(&self) -> Option<Signer> {
        self.next_signer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

pub(crate) struct Writer {
    replica: String,
    out: Out,
    position: Position,
    board: Arc<Board>,
    signer: Option<Signer>,
    /// The last line that a head covers, the head itself included.
    signed: u64,
    /// Lines refused since the last page that was kept.
    refused: u64,
    torn: u64,
}

type Waiting = (Box<Entry>, oneshot::Sender<Result<Seq, AuditError>>);

impl Writer {
    pub(crate) fn new(replica: String, out: Out, tail: Tail, board: Arc<Board>) -> Self {
        board.last_seq.store(tail.position.seq, Relaxed);
        Self {
            replica,
            out,
            position: tail.position,
            board,
            signer: None,
            signed: tail.position.seq,
            refused: 0,
            torn: tail.torn,
        }
    }

    /// Works until it is told to close or until every [`crate::Log`] is gone.
    pub(crate) fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        let mut open = true;
        while open {
            let mut lines = Vec::new();
            let mut head = false;
            let mut next = queue.blocking_recv().or_else(|| Some(Command::Close));
            while let Some(command) = next {
                match command {
                    Command::Line(entry, answer) => lines.push((entry, answer)),
                    Command::Head => head = true,
                    Command::Close => (head, open) = (true, false),
                }
                let full = !open || lines.len() >= MAX_PAGE;
                next = if full { None } else { queue.try_recv().ok() };
            }
            if let Some(signer) = self.board.take_signer() {
                // Lines from before there was a key are covered, too.
                (self.signer, self.signed, head) = (Some(signer), 0, true);
            }
            self.write(lines, head);
        }
    }

    /// Writes one page and answers everyone who waits for a line of it.
    fn write(&mut self, lines: Vec<Waiting>, head: bool) {
        match self.write_page(&lines, head) {
            Ok(mut seq) => {
                self.board.note(None);
                for (_, answer) in lines {
                    // A caller that gave up has its line all the same.
                    let _ = answer.send(Ok(seq));
                    seq = Seq(seq.0 + 1);
                }
            }
            Err(error) => {
                let lost = lines.len() as u64;
                tracing::error!(%error, lines = lost, "audit lines refused");
                self.refused += lost;
                self.board.failures.fetch_add(lost.max(1), Relaxed);
                self.board.note(Some(error.clone()));
                for (_, answer) in lines {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }

    /// The number of the first of `lines`, once the page is durable.
    fn write_page(&mut self, lines: &[Waiting], head: bool) -> Result<Seq, AuditError> {
        let now = Timestamp::now();
        let place = self.out.settle()?;
        let mut page = Page::new(&self.replica, self.position);
        if place == Place::Elsewhere {
            page.own(Own::Segment, now, None);
        }
        if let Some(why) = loss(self.torn, self.refused) {
            page.own(Own::Recovered, now, Some(why));
        }
        let first = Seq(page.end().seq + 1);
        for (entry, _) in lines {
            page.entry(entry);
        }
        let due = head && page.end().seq > self.signed;
        let covered = self.signer.as_ref().filter(|_| due).map(|signer| {
            page.head(signer, now);
            page.end().seq
        });
        if page.bytes().is_empty() {
            return Ok(first);
        }
        if let Err(broken) = self.out.write(page.bytes()) {
            self.position = page.after(broken.kept);
            self.board.last_seq.store(self.position.seq, Relaxed);
            return Err(broken.error.into());
        }
        self.position = page.end();
        self.signed = covered.unwrap_or(self.signed);
        (self.refused, self.torn) = (0, 0);
        self.board.last_seq.store(self.position.seq, Relaxed);
        Ok(first)
    }
}

/// What a `recovered` line says; `None` if nothing was lost.
fn loss(torn: u64, refused: u64) -> Option<String> {
    match (torn, refused) {
        (0, 0) => None,
        (torn, 0) => Some(format!("{torn} bytes of an unfinished line were cut off")),
        (0, refused) => Some(format!("{refused} lines were refused")),
        (torn, refused) => Some(format!(
            "{torn} bytes of an unfinished line were cut off, {refused} lines were refused"
        )),
    }
}
