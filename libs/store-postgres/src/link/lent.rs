//! A connection on loan: what became of its conversation decides what becomes of it.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use spike_store::{Result, StoreError};
use sqlx::PgConnection;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, error::Elapsed},
};

use super::{Link, Member, Use, lingering};
use crate::error::{commit_failed, failed, is_survived};

/// How long a server that works takes for a read, at most. One that is silent for longer is taken
/// for gone: a fresh connection tells sooner than waiting.
const READ_PATIENCE: Duration = Duration::from_secs(3);

/// How long it must at least have been silent for that: a caller in a hurry proves nothing.
const SUSPICION: Duration = Duration::from_secs(1);

/// What came of asking until [`Lent::due`].
pub(crate) type Asked<T> = std::result::Result<sqlx::Result<T>, Elapsed>;

/// A connection for one conversation.
///
/// Dropped, it is closed: nobody continues a conversation that was interrupted. Only
/// [`answered`](Self::answered) and [`committed`](Self::committed) give it back.
pub(crate) struct Lent {
    link: Link,
    member: Option<Member>,
    permit: Option<OwnedSemaphorePermit>,
    purpose: Use,
    since: Instant,
    due: Instant,
}

impl Lent {
    pub(super) fn new(
        link: Link,
        member: Member,
        permit: OwnedSemaphorePermit,
        purpose: Use,
        deadline: Instant,
    ) -> Self {
        let since = Instant::now();
        let due = match purpose {
            Use::Read => deadline.min(since + READ_PATIENCE),
            Use::Write => deadline,
        };
        Self { link, member: Some(member), permit: Some(permit), purpose, since, due }
    }

    /// Until when an answer is waited for.
    pub(crate) const fn due(&self) -> Instant {
        self.due
    }

    /// Ends a conversation that changed nothing.
    pub(crate) fn answered<T>(mut self, asked: Asked<T>) -> Result<T> {
        let answer = self.step(asked);
        self.end();
        answer
    }

    /// A step of a transaction that isn't committed yet: if it fails, nothing happened.
    pub(crate) fn step<T>(&mut self, asked: Asked<T>) -> Result<T> {
        match asked {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                self.note(&error);
                Err(failed(error))
            }
            Err(late) => {
                self.silent();
                let class = "the store didn't answer in time";
                Err(StoreError::Unavailable {
                    class: class.into(),
                    reason: class.to_owned(),
                    retryable: true,
                    cause: Some(Arc::new(late)),
                })
            }
        }
    }

    /// Ends a conversation by what commits it. If that isn't answered, it may have happened.
    pub(crate) fn committed<T>(mut self, asked: Asked<T>) -> Result<T> {
        let answer = match asked {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                self.note(&error);
                Err(commit_failed(error))
            }
            Err(_) => {
                self.silent();
                Err(StoreError::Ambiguous { source: None })
            }
        };
        self.end();
        answer
    }

    /// Gives the connection back, unless it turned out to be none.
    fn end(&mut self) {
        if let Some(member) = self.member.take() {
            self.link.give_back(member);
        }
    }

    /// Whether the connection survives this. If not, its siblings hardly do.
    fn note(&mut self, error: &sqlx::Error) {
        if is_survived(error) {
            return;
        }
        if let Some(member) = self.member.take() {
            self.link.retire(&member.era, error);
        }
    }

    /// Nobody waits for the answer any more.
    ///
    /// A read that isn't answered says that the server is gone. A write may wait for a standby: its
    /// connection goes on waiting, and keeps its place, so that such waits don't pile up.
    fn silent(&mut self) {
        let (Some(member), Some(permit)) = (self.member.take(), self.permit.take()) else { return };
        match self.purpose {
            Use::Read if self.since.elapsed() < SUSPICION => {}
            Use::Read => self.link.retire(&member.era, &"it doesn't answer"),
            Use::Write => lingering::watch(&self.link, member, permit),
        }
    }
}

/// Taken only by the end of the loan, after which nobody has it.
const GONE: &str = "a loan that failed isn't used again";

impl Deref for Lent {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.member.as_ref().expect(GONE).connection
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.member.as_mut().expect(GONE).connection
    }
}
