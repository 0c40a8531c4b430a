//! The handle that a program writes audit lines with.

use std::path::PathBuf;

use tokio_util::task::TaskTracker;
use zeroize::Zeroizing;

use crate::{AuditError, Entry};

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Written and flushed to standard output: durable only once the collector has it.
    Stdout,
    /// Appended to a file.
    File {
        /// Which one; made with mode 0600 if it is missing.
        path: PathBuf,
        /// When a line counts as durable.
        sync: Sync,
    },
}

/// When a line in a file counts as durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// After an `fdatasync` that concurrent lines share.
    Group,
    /// Once the operating system has it: lost with the machine, not with the process.
    Os,
}

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
}

/// An open audit log. Clones share one writer.
#[derive(Clone, Debug)]
pub struct Log {}

impl Log {
    /// Opens a log, continuing the chain of an existing file.
    ///
    /// A torn last line, left by a crash, is cut off and a `recovered` line says so.
    pub async fn open(
        sink: Sink,
        replica: String,
        tracker: &TaskTracker,
    ) -> Result<Self, AuditError> {
        unimplemented!("{sink:?} {replica} {tracker:?}")
    }

    /// Appends a line and returns once it is durable; on any error nothing may be answered.
    pub async fn append(&self, entry: Entry) -> Result<Seq, AuditError> {
        unimplemented!("{entry:?}")
    }

    /// Appends a denial. Beyond [`crate::DENIALS_PER_SECOND`] of one identity it is only counted
    /// (`None`), and one line per second tells how many.
    pub async fn append_denial(&self, entry: Entry) -> Result<Option<Seq>, AuditError> {
        unimplemented!("{entry:?}")
    }

    /// Signs heads with this Ed25519 seed from now on: at once, every 10 s and on close.
    pub fn sign_with(&self, key_id: u32, seed: Zeroizing<[u8; 32]>) {
        unimplemented!("{key_id} {}", seed.len())
    }

    /// What the log reports about itself.
    pub fn status(&self) -> Status {
        unimplemented!()
    }

    /// Writes what is queued, signs a last head and closes the sink. Bounded.
    pub async fn close(&self) {
        unimplemented!()
    }
}
