//! The key ring: the one document that says which keys a cluster has and who holds their root.
//!
//! It lies in the untrusted store and changes only by compare-and-swap. Before the root is known only
//! the quorum, the set ids and the digests are read, to choose shards; after that nothing of it is
//! believed without its MAC ([`KeyRing::open`]). Every change is a pure function from one ring to the
//! next; who writes it is not decided here.

mod claim;
mod escrow;
mod form;
mod open;
mod reshare;
mod wrap;

use spike_core::{ClusterId, Instance, Quorum, Revision, SetId, ShardDigest};

pub use claim::Claim;
pub use escrow::Escrow;
pub use open::{Opened, Source};
pub use wrap::WrappedKey;

use crate::{RootKey, SealError, Shard, Split};

/// The ring as it is kept: claimed by a bootstrap, or in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RingDocument {
    /// A bootstrap is making, or failed to make, the root key.
    Claimed(Claim),
    /// There is a root key and Keepers hold it.
    Active(Box<KeyRing>),
}

impl RingDocument {
    /// Its revision.
    pub fn revision(&self) -> Revision {
        match self {
            Self::Claimed(claim) => claim.revision,
            Self::Active(ring) => ring.revision,
        }
    }

    /// The cluster.
    pub fn cluster(&self) -> ClusterId {
        match self {
            Self::Claimed(claim) => claim.cluster,
            Self::Active(ring) => ring.cluster,
        }
    }

    /// Which cluster of the trust domain, if there are several.
    pub fn instance(&self) -> Option<&Instance> {
        match self {
            Self::Claimed(claim) => claim.instance.as_ref(),
            Self::Active(ring) => ring.instance.as_ref(),
        }
    }
}

/// One polynomial of a root and the digests of its shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardSet {
    /// Rises by one with each re-share or new root, from 1.
    pub epoch: u32,
    /// Counts the claims of one epoch, from 1.
    pub attempt: u32,
    /// What `spec.shamir.generation` was when it was made.
    pub generation: u64,
    /// How the root is split.
    pub quorum: Quorum,
    /// Its public name.
    pub id: SetId,
    /// By index.
    pub digests: Vec<ShardDigest>,
}

impl ShardSet {
    /// The set of a split: what a root makes of it.
    pub fn of(split: Split, generation: u64, root: &RootKey) -> Self {
        let digests =
            split.deal(root).iter().map(|s| split.digest(s.index(), s.expose())).collect();
        let Split { epoch, attempt, quorum, .. } = split;
        Self { epoch, attempt, generation, quorum, id: split.set_id(root), digests }
    }

    /// Its polynomial.
    pub const fn split(&self, cluster: ClusterId) -> Split {
        Split { cluster, epoch: self.epoch, attempt: self.attempt, quorum: self.quorum }
    }

    /// Its shards.
    ///
    /// # Errors
    ///
    /// [`SealError::WrongRoot`] if `root` makes other shards than the digests name: such shards are
    /// never sent anywhere.
    pub fn deal(&self, cluster: ClusterId, root: &RootKey) -> Result<Vec<Shard>, SealError> {
        let split = self.split(cluster);
        let shards = split.deal(root);
        let ours = shards.iter().map(|shard| split.digest(shard.index(), shard.expose()));
        if split.set_id(root) == self.id && ours.eq(self.digests.iter().copied()) {
            Ok(shards)
        } else {
            Err(SealError::WrongRoot(self.id))
        }
    }
}

/// A set beside the current one, and its own root's part where that differs.
///
/// A pending or previous set of the *same* root is covered by the ring's MAC. One of another root has
/// wrapped keys and a MAC of its own under that root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideSet {
    /// The shards.
    pub set: ShardSet,
    /// The other root's part, if it is another root.
    pub root: Option<SideRoot>,
}

/// What another root than the current one vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideRoot {
    /// The ring's keys, wrapped by that root.
    pub keys: Vec<WrappedKey>,
    /// That root's MAC of the set and of these keys.
    pub mac: [u8; 32],
}

/// An active key ring. It may come from the untrusted store: see [`KeyRing::open`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRing {
    revision: Revision,
    instance: Option<Instance>,
    cluster: ClusterId,
    root_epoch: u32,
    current: ShardSet,
    pending: Option<SideSet>,
    previous: Option<SideSet>,
    escrow: Option<Escrow>,
    /// No set of recovery shards is numbered up to this again: one of a history that the store has
    /// lost may have been.
    escrow_above: u32,
    keys: Vec<WrappedKey>,
    mac: [u8; 32],
}

impl KeyRing {
    /// Rises with every change.
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// The cluster.
    pub const fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// Which cluster of the trust domain, if there are several.
    pub const fn instance(&self) -> Option<&Instance> {
        self.instance.as_ref()
    }

    /// The epoch in which the root was made.
    pub const fn root_epoch(&self) -> u32 {
        self.root_epoch
    }

    /// The set that is in force.
    pub const fn current(&self) -> &ShardSet {
        &self.current
    }

    /// The set that is being put to the Keepers, if any.
    pub const fn pending(&self) -> Option<&SideSet> {
        self.pending.as_ref()
    }

    /// The set that was in force before, until the current one has settled.
    pub const fn previous(&self) -> Option<&SideSet> {
        self.previous.as_ref()
    }

    /// The recovery shards given out last, if any were.
    pub const fn escrow(&self) -> Option<&Escrow> {
        self.escrow.as_ref()
    }

    /// The ring's keys, wrapped.
    pub fn keys(&self) -> &[WrappedKey] {
        &self.keys
    }

    /// The set ids that the ring names: a Keeper needs to hold no other.
    pub fn set_ids(&self) -> impl Iterator<Item = SetId> {
        let sides = [&self.pending, &self.previous];
        std::iter::once(self.current.id).chain(sides.into_iter().flatten().map(|side| side.set.id))
    }

    /// The Keepers' shards of the current set.
    ///
    /// # Errors
    ///
    /// [`SealError::WrongRoot`] if the ring isn't this root's.
    pub fn deal(&self, root: &RootKey) -> Result<Vec<Shard>, SealError> {
        self.current.deal(self.cluster, root)
    }

    /// The same ring with a revision above its own and above `seen`: accepts a store that was rolled
    /// back on purpose.
    pub fn raised_above(&self, root: &RootKey, seen: Revision) -> Self {
        let (revision, escrow_above) = (self.revision.max(seen).next(), self.escrows_until(seen));
        Self { revision, escrow_above, ..self.clone() }.signed(root)
    }
}

#[cfg(test)]
mod tests;
