//! What each operation makes of a head.

use jiff::Timestamp;

use super::{Entry, Head, Incarnation, RecordTag};
use crate::{Revision, SecretPath, Version};

/// The most versions that can be kept of one path: bounds the size of a head.
pub const MAX_VERSIONS_LIMIT: u32 = 1000;

/// Which versions a caller means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The current one; for an undelete with none current, the highest deleted one.
    Current,
    /// These numbers. Ones that don't exist are passed over.
    Numbers(Vec<Version>),
}

/// Nothing there to change: the path or all of the versions are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such version")]
pub struct NoSuchVersion;

/// A changed head and the records that go with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The revision that must still be there; `None` if the path had no head.
    pub expect: Option<Revision>,
    /// The head to write.
    pub head: Head,
    /// The versions whose records go.
    pub drops: Vec<Version>,
}

/// The first half of a put: number and incarnation are known, the record isn't sealed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    change: Change,
    number: Version,
}

impl NewVersion {
    /// Decides the number of a new version of `path`.
    ///
    /// It is one more than the highest ever used on the path. The lowest versions beyond
    /// `max_versions` (at least 1) are dropped, deleted ones like any other. `fresh` is taken as the
    /// incarnation of a path that has no version.
    pub fn of(
        path: &SecretPath,
        before: Option<&Head>,
        fresh: Incarnation,
        max_versions: u32,
        now: Timestamp,
    ) -> Self {
        let alive = before.filter(|head| !head.is_tombstone());
        let number = before.map_or(Version::FIRST, |head| head.next);
        let keep = max_versions.clamp(1, MAX_VERSIONS_LIMIT) as usize - 1;
        let mut versions = alive.map_or_else(Vec::new, |head| head.versions.clone());
        let pruned = versions.len().saturating_sub(keep);
        let drops = versions.drain(..pruned).map(|entry| entry.number).collect();
        let head = Head {
            path: path.clone(),
            incarnation: alive.map_or(fresh, |head| head.incarnation),
            revision: before.map_or(Revision::FIRST, |head| head.revision.next()),
            next: number.next(),
            created_at: alive.map_or(now, |head| head.created_at),
            updated_at: now,
            max_versions: max_versions.clamp(1, MAX_VERSIONS_LIMIT),
            versions,
        };
        let expect = before.map(|head| head.revision);
        Self { change: Change { expect, head, drops }, number }
    }

    /// The number that the version gets.
    pub const fn number(&self) -> Version {
        self.number
    }

    /// The incarnation that its record is bound to.
    pub const fn incarnation(&self) -> Incarnation {
        self.change.head.incarnation
    }

    /// The second half: the record was sealed and has this tag.
    pub fn sealed(self, tag: RecordTag) -> Change {
        let Self { mut change, number } = self;
        let created_at = change.head.updated_at;
        change.head.versions.push(Entry { number, created_at, deleted_at: None, tag });
        change
    }
}

impl Head {
    /// Marks versions as deleted. When the current one goes, the highest live one takes its place.
    ///
    /// `None` if nothing changes: the versions don't exist or are deleted already.
    pub fn delete(&self, which: &Selection, now: Timestamp) -> Option<Change> {
        let chosen = chosen(which, self.current());
        let mut after = self.clone();
        let mut changed = false;
        for entry in after
            .versions
            .iter_mut()
            .filter(|e| e.deleted_at.is_none() && chosen.contains(&e.number))
        {
            entry.deleted_at = Some(now);
            changed = true;
        }
        changed.then(|| self.change(after, now, Vec::new()))
    }

    /// Brings deleted versions back; the current one rises if a higher one came back.
    ///
    /// # Errors
    ///
    /// [`NoSuchVersion`] if none of them exists and is deleted.
    pub fn undelete(&self, which: &Selection, now: Timestamp) -> Result<Change, NoSuchVersion> {
        let highest_deleted =
            || self.versions.iter().rev().find(|e| e.deleted_at.is_some()).map(|e| e.number);
        let default = if self.current().is_none() { highest_deleted() } else { None };
        let chosen = chosen(which, default);
        let mut after = self.clone();
        let mut changed = false;
        for entry in after
            .versions
            .iter_mut()
            .filter(|e| e.deleted_at.is_some() && chosen.contains(&e.number))
        {
            entry.deleted_at = None;
            changed = true;
        }
        if changed { Ok(self.change(after, now, Vec::new())) } else { Err(NoSuchVersion) }
    }

    /// Removes versions for good; when the last one goes, a tombstone stays.
    ///
    /// # Errors
    ///
    /// [`NoSuchVersion`] if none of them exists.
    pub fn destroy(&self, which: &Selection, now: Timestamp) -> Result<Change, NoSuchVersion> {
        let chosen = chosen(which, self.current());
        let mut after = self.clone();
        let (gone, kept) = after.versions.into_iter().partition(|e| chosen.contains(&e.number));
        after.versions = kept;
        let drops: Vec<_> = Vec::into_iter(gone).map(|entry: Entry| entry.number).collect();
        if drops.is_empty() { Err(NoSuchVersion) } else { Ok(self.change(after, now, drops)) }
    }

    fn change(&self, mut head: Head, now: Timestamp, drops: Vec<Version>) -> Change {
        head.revision = self.revision.next();
        head.updated_at = now;
        Change { expect: Some(self.revision), head, drops }
    }
}

fn chosen(which: &Selection, current: Option<Version>) -> Vec<Version> {
    match which {
        Selection::Current => current.into_iter().collect(),
        Selection::Numbers(numbers) => numbers.clone(),
    }
}
