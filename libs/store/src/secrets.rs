//! Heads and records as a store sees them: bytes under a path.

use std::fmt;

use bytes::Bytes;
use spike_core::{Revision, SecretPath, Version};

/// What to read of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Select {
    /// Only the head.
    Head,
    /// The head and the record of its current version.
    Current,
    /// The head and the record of this version.
    Version(Version),
}

/// An encrypted record. `Debug` shows its length only.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Bytes);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// A head as it is kept: its bytes, the MAC over them and the columns a store may look at.
///
/// The columns are hints that the bytes repeat under the MAC; whoever reads them compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadRow {
    /// What compare-and-swap compares.
    pub revision: Revision,
    /// Which record [`Select::Current`] brings.
    pub current: Option<Version>,
    /// The encoded head.
    pub bytes: Bytes,
    /// The index key of the MAC.
    pub key: u32,
    /// HMAC-SHA-256 of the bytes.
    pub mac: [u8; 32],
}

/// What a read found at one path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The head, if the path has one.
    pub head: Option<HeadRow>,
    /// The record asked for, with its number, if it is there.
    pub record: Option<(Version, Sealed)>,
}

/// A change of one path: *write this head if its revision is still the expected one, together with
/// these records put and dropped*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The path.
    pub path: SecretPath,
    /// The revision that must be there; `None` for no head at all.
    pub expect: Option<Revision>,
    /// The head to write.
    pub head: HeadRow,
    /// Records to write. One that is there already is replaced: that is how a record moves to
    /// another key. After the drops, if a version is in both.
    pub puts: Vec<(Version, Sealed)>,
    /// Records to remove; missing ones are fine.
    pub drops: Vec<Version>,
}

/// Makes a write happen once, however often it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WriteKey {
    /// Keyed hash of caller, operation, paths and the caller's key.
    pub scope: [u8; 32],
    /// Keyed hash of the request: another request under the same key is refused.
    pub digest: [u8; 32],
}

/// Commits that happen together or not at all. A path occurs once; no commits at all only check the
/// guard and use up the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The changes.
    pub commits: Vec<Commit>,
    /// Under which key, if any.
    pub key: Option<WriteKey>,
}

/// What became of a batch: the same answer for the first time and for every repetition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// In the order of the commits.
    pub commits: Vec<Committed>,
    /// True if this key's batch had happened before.
    pub replayed: bool,
}

/// A path after its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The head's revision.
    pub revision: Revision,
    /// The head's current version.
    pub current: Option<Version>,
}

/// Which part of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Only paths that start with this.
    pub prefix: String,
    /// Only paths behind this one, exclusive.
    pub after: Option<SecretPath>,
    /// How many at most, at least 1; more than [`MAX_PAGE`] are never returned at once.
    pub limit: u32,
}

/// The longest page: it bounds the memory of one answer.
pub const MAX_PAGE: u32 = 1_000;

impl Page {
    /// How many heads the page really has, if there are that many: 1 to [`MAX_PAGE`].
    pub fn size(&self) -> u32 {
        self.limit.clamp(1, MAX_PAGE)
    }
}

/// A page of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Heads by the byte order of their paths.
    pub heads: Vec<(SecretPath, HeadRow)>,
    /// True if there are more behind the last one.
    pub more: bool,
}
