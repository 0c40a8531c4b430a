//! The store contract: what Spike needs of a place that keeps ciphertext.
//!
//! A [`Store`] is small on purpose. It keeps heads, sealed records and documents as opaque bytes,
//! compares and swaps their revisions, and says which epochs it saw. It knows no key, no policy and
//! no version rule; what it returns is believed only after its MAC or tag was checked above it.
//! The contract is the conformance suite, not this prose.

pub mod batched;
pub mod call;
pub mod claim;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod decide;
pub mod document;
pub mod error;
pub mod memory;
pub mod outcome;
pub mod rules;
pub mod secrets;

use async_trait::async_trait;

pub use call::{Call, CallerHash, Epochs, Generation, Seen, TraceId};
pub use claim::closed;
pub use document::{Document, DocumentDrop, DocumentPut, Kind, Names};
pub use error::{Cause, Result, StoreError};
pub use secrets::{
    Batch, Commit, Committed, Found, HeadRow, Listed, Outcome, Page, Sealed, Select, WriteKey,
};

/// Heads and sealed records.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Reads heads, each with at most one record, all of one snapshot.
    ///
    /// The answer has one [`Found`] per wanted path, in the order asked for. An empty `want` only
    /// reads the epochs. `call.guard` is not compared: the caller compares the epochs it gets.
    async fn read(
        &self,
        call: &Call,
        want: &[(spike_core::SecretPath, Select)],
    ) -> Result<Seen<Vec<Found>>>;

    /// Writes all of a batch or none of it.
    ///
    /// In this order: the guard must equal the present epochs ([`StoreError::Stale`]); a known
    /// write key replays its first outcome ([`StoreError::KeyReused`] if its digest differs); each
    /// head's revision must be the expected one ([`StoreError::Conflict`], of the first that isn't).
    /// Acknowledged means durable. What no store takes is refused before that ([`rules::batch`]).
    ///
    /// A caller that stops waiting doesn't stop the write: if its key has been used since, it
    /// happened. A deadline that passes while the write is under way is [`StoreError::Ambiguous`].
    async fn commit(&self, call: &Call, batch: Batch) -> Result<Seen<Outcome>>;

    /// One page of heads in byte order of their paths, tombstones included.
    async fn list(&self, call: &Call, page: Page) -> Result<Seen<Listed>>;
}

/// The key ring, policies and their manifest.
#[async_trait]
pub trait Documents: Send + Sync {
    /// Reads documents of one kind, all of one snapshot, in byte order of their names.
    async fn load(&self, call: &Call, kind: Kind, names: Names) -> Result<Seen<Vec<Document>>>;

    /// Puts and drops documents: all or none.
    ///
    /// In this order: if every put is there already with the same revision and tag, and every drop
    /// is gone, this was the caller's own write whose answer got lost: Ok, and nothing is written;
    /// the guard must equal the present epochs ([`StoreError::Stale`]), which is asked after that
    /// because such a write moved them itself; each `expect` must hold
    /// ([`StoreError::DocumentConflict`]). A put of a [`Kind::Manifest`] moves the generation to its
    /// revision and tag, one of a [`Kind::Ring`] moves the ring revision. What no store takes is
    /// refused before that ([`rules::change`]). Returns the epochs as they are afterwards.
    async fn change(
        &self,
        call: &Call,
        puts: Vec<DocumentPut>,
        drops: Vec<DocumentDrop>,
    ) -> Result<Epochs>;
}

/// Housekeeping.
#[async_trait]
pub trait Manage: Send + Sync {
    /// What this store can do; constant while it is open.
    fn capabilities(&self) -> Capabilities;

    /// Answers if the store can take writes now; else the error that a write would get.
    async fn health(&self) -> Result<Health>;

    /// Forgets write keys older than [`WRITE_KEY_LIFE`].
    ///
    /// Returns how many went.
    async fn sweep(&self, call: &Call) -> Result<u64>;

    /// Finishes what was acknowledged and lets go of files and connections.
    async fn close(&self);
}

/// How long a write key is remembered, at least.
pub const WRITE_KEY_LIFE: std::time::Duration = std::time::Duration::from_hours(24);

/// How many write keys one caller can have at once; its oldest give way.
pub const WRITE_KEYS_PER_CALLER: u32 = 10_000;

/// What a store can do beyond the contract's core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// A batch may have more than one path.
    pub multi_path: bool,
    /// What it keeps survives a crash of this process.
    pub durable: bool,
    /// Several Nexus may share it.
    pub shared: bool,
}

/// A store that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// `sqlite`, `memory`, …
    pub kind: &'static str,
    /// The schema's number.
    pub schema: u32,
    /// The server's or library's own version.
    pub server_version: String,
    /// Whether an acknowledged write is on a second machine by then: `None` for a store that has no
    /// other machine to put it on.
    pub durable_on_standby: Option<bool>,
}

/// Everything a backing store is.
pub trait Store: Secrets + Documents + Manage {}

impl<T: Secrets + Documents + Manage> Store for T {}
