//! The head of a path: which versions exist, which is current, and what every operation makes of it.
//!
//! Versions are decided here, by pure functions, and nowhere else: a store only compares and swaps
//! what comes out. A head names the authentication tag of each of its sealed records, so that a
//! record that was swapped, edited or brought back is noticed as soon as the head is believed.

mod change;
mod codec;

use jiff::Timestamp;

pub use change::{Change, MAX_VERSIONS_LIMIT, NewVersion, NoSuchVersion, Selection};
pub use codec::BadHead;

use crate::{Revision, SecretPath, Version};

/// Tells one life of a path from the next: random, new with the first put after everything was
/// destroyed, and bound into every record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Incarnation(pub [u8; 16]);

/// The authentication tag of a sealed record (AES-256-GCM: its last 16 bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordTag(pub [u8; 16]);

/// One version of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub number: Version,
    /// When it was put.
    pub created_at: Timestamp,
    /// When it was deleted, if it is; it can be undeleted.
    pub deleted_at: Option<Timestamp>,
    /// The tag of its sealed record.
    pub tag: RecordTag,
}

/// All that is known of a path, except the secrets themselves.
///
/// A head is never removed: a path whose versions were all destroyed keeps a tombstone, so that
/// `next` goes on and no number is ever used twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Where the secret lives.
    pub path: SecretPath,
    /// Which life of the path this is.
    pub incarnation: Incarnation,
    /// Rises by one with every change: what compare-and-swap compares.
    pub revision: Revision,
    /// The number that the next put gets.
    pub next: Version,
    /// When this incarnation was first put.
    pub created_at: Timestamp,
    /// When the head last changed.
    pub updated_at: Timestamp,
    /// How many versions are kept.
    pub max_versions: u32,
    /// The versions that exist, deleted ones included, by rising number.
    pub versions: Vec<Entry>,
}

impl Head {
    /// The version, if it exists (deleted or not).
    pub fn entry(&self, number: Version) -> Option<&Entry> {
        let at = self.versions.binary_search_by_key(&number, |entry| entry.number).ok()?;
        self.versions.get(at)
    }

    /// The version that a read of `wanted` (`None`: the current one) returns: it exists and is not
    /// deleted.
    pub fn readable(&self, wanted: Option<Version>) -> Option<&Entry> {
        self.entry(wanted.or(self.current())?).filter(|entry| entry.deleted_at.is_none())
    }

    /// The version that a read without a number returns: the highest that is not deleted.
    pub fn current(&self) -> Option<Version> {
        self.live().next_back()
    }

    /// The lowest version that is not deleted.
    pub fn oldest(&self) -> Option<Version> {
        self.live().next()
    }

    /// True if nothing is left but the memory of the numbers used.
    pub fn is_tombstone(&self) -> bool {
        self.versions.is_empty()
    }

    fn live(&self) -> impl DoubleEndedIterator<Item = Version> {
        self.versions.iter().filter(|entry| entry.deleted_at.is_none()).map(|entry| entry.number)
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
