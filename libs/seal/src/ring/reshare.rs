//! Another split of the same root: claimed, committed, settled. Each is one change of the ring.
//!
//! ```text
//!            with_pending              committed               settled
//! current ────────────────▶ current ──────────────▶ current′ ────────────▶ current′
//!     ▲                     pending                 previous
//!     └────────────────────────┘ without_pending, or with_pending anew
//! ```
//!
//! At every one of them the shards of `current`, or else of `previous`, open the ring; those of
//! `pending` don't yet. When the Keepers are ready for a change is not decided here.

use spike_core::{Quorum, Revision};

use super::{KeyRing, ShardSet, SideSet};
use crate::{RootKey, SealError, Split};

impl KeyRing {
    /// The set that a re-share goes to, until it is committed.
    pub fn reshare_to(&self) -> Option<&ShardSet> {
        of_this_root(self.pending.as_ref())
    }

    /// The set that a re-share came from, until it has settled.
    pub fn reshare_from(&self) -> Option<&ShardSet> {
        of_this_root(self.previous.as_ref())
    }

    /// The next ring: with a claim on this split, in the place of one that isn't committed.
    ///
    /// # Errors
    ///
    /// [`SealError::Unsettled`]: the re-share before it comes first. [`SealError::OtherRoot`],
    /// [`SealError::WrongRoot`].
    pub fn with_pending(
        &self,
        root: &RootKey,
        quorum: Quorum,
        generation: u64,
    ) -> Result<Self, SealError> {
        let next = self.successor(root)?;
        if self.previous.is_some() {
            return Err(SealError::Unsettled);
        }
        let split = Split {
            cluster: self.cluster,
            epoch: self.current.epoch.saturating_add(1),
            attempt: self.pending.as_ref().map_or(1, |side| side.set.attempt.saturating_add(1)),
            quorum,
        };
        let set = ShardSet::of(split, generation, root);
        Ok(Self { pending: Some(SideSet { set, root: None }), ..next }.signed(root))
    }

    /// The next ring: without a claim. `generation` wants the split that is in force.
    ///
    /// # Errors
    ///
    /// [`SealError::NothingPending`] if nothing would change. [`SealError::OtherRoot`],
    /// [`SealError::WrongRoot`].
    pub fn without_pending(&self, root: &RootKey, generation: u64) -> Result<Self, SealError> {
        let next = self.successor(root)?;
        if self.pending.is_none() && self.current.generation == generation {
            return Err(SealError::NothingPending);
        }
        let current = ShardSet { generation, ..self.current.clone() };
        Ok(Self { current, pending: None, ..next }.signed(root))
    }

    /// The next ring: the pending set is in force, the one before is kept beside it.
    ///
    /// # Errors
    ///
    /// [`SealError::NothingPending`], [`SealError::Unsettled`]; [`SealError::OtherRoot`],
    /// [`SealError::WrongRoot`].
    pub fn committed(&self, root: &RootKey) -> Result<Self, SealError> {
        let next = self.successor(root)?;
        if self.previous.is_some() {
            return Err(SealError::Unsettled);
        }
        let current = self.reshare_to().ok_or(SealError::NothingPending)?.clone();
        let previous = Some(SideSet { set: self.current.clone(), root: None });
        Ok(Self { current, previous, pending: None, ..next }.signed(root))
    }

    /// The next ring: the set before is forgotten.
    ///
    /// # Errors
    ///
    /// [`SealError::NothingPrevious`]; [`SealError::OtherRoot`], [`SealError::WrongRoot`].
    pub fn settled(&self, root: &RootKey) -> Result<Self, SealError> {
        let next = self.successor(root)?;
        if self.previous.is_none() {
            return Err(SealError::NothingPrevious);
        }
        Ok(Self { previous: None, ..next }.signed(root))
    }

    /// The next ring, above the revision `seen`: its root is split the same way anew, in an epoch
    /// above `epoch`, and a claim is dropped. For a store that was rolled back to before a re-share:
    /// no Keeper goes back in epochs. What was in force is the set before, until this has settled.
    ///
    /// # Errors
    ///
    /// [`SealError::OtherRoot`], [`SealError::WrongRoot`].
    pub fn reissued_above(
        &self,
        root: &RootKey,
        seen: Revision,
        epoch: u32,
    ) -> Result<Self, SealError> {
        let next = self.successor(root)?;
        let epoch = self.current.epoch.max(epoch).saturating_add(1);
        let split = Split { epoch, attempt: 1, ..self.current.split(self.cluster) };
        let current = ShardSet::of(split, self.current.generation, root);
        let previous = Some(SideSet { set: self.current.clone(), root: None });
        let (revision, escrow_above) = (self.revision.max(seen).next(), self.escrows_until(seen));
        Ok(Self { revision, current, previous, pending: None, escrow_above, ..next }.signed(root))
    }

    /// The same ring under the next revision, not signed yet.
    ///
    /// A new root on its way has rules of its own: nothing here touches it.
    fn successor(&self, root: &RootKey) -> Result<Self, SealError> {
        if self.current.split(self.cluster).set_id(root) != self.current.id {
            return Err(SealError::WrongRoot(self.current.id));
        }
        let mut sides = self.pending.iter().chain(&self.previous);
        if let Some(other) = sides.find(|side| side.root.is_some()) {
            return Err(SealError::OtherRoot(other.set.id));
        }
        Ok(Self { revision: self.revision.next(), ..self.clone() })
    }
}

fn of_this_root(side: Option<&SideSet>) -> Option<&ShardSet> {
    side.filter(|side| side.root.is_none()).map(|side| &side.set)
}
