//! The key ring: the one document that says which keys a cluster has and who holds their root.

use rand::CryptoRng;
use spike_core::{ClusterId, Instance, Quorum, Revision, SetId};

use crate::{Refused, RingKeys, RootKey, SealError, Shard, ShardDigest, Split};

/// The ring as it is kept: claimed by a bootstrap, or in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RingDocument {
    /// A bootstrap is making, or failed to make, the root key.
    Claimed(Claim),
    /// There is a root key and Keepers hold it.
    Active(KeyRing),
}

impl RingDocument {
    /// Reads a ring. Nothing of it is believed yet.
    pub fn decode(_bytes: &[u8]) -> Result<Self, SealError> {
        unimplemented!()
    }

    /// The bytes to keep.
    pub fn encode(&self) -> Vec<u8> {
        unimplemented!()
    }

    /// Its revision.
    pub fn revision(&self) -> Revision {
        unimplemented!()
    }

    /// The cluster.
    pub fn cluster(&self) -> ClusterId {
        unimplemented!()
    }
}

/// A claim on making the root key. It has no MAC: its author has no root yet that anyone knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Rises with every change.
    pub revision: Revision,
    /// Which cluster of the trust domain, if there are several.
    pub instance: Option<Instance>,
    /// The cluster.
    pub cluster: ClusterId,
    /// Counts the claims, from 1.
    pub attempt: u64,
    /// `SPIKE_NEXUS_SHAMIR_GENERATION`.
    pub generation: u64,
    /// How the root will be split.
    pub quorum: Quorum,
}

impl Claim {
    /// The first claim.
    pub fn first(
        cluster: ClusterId,
        instance: Option<Instance>,
        quorum: Quorum,
        generation: u64,
    ) -> Self {
        Self { revision: Revision::FIRST, instance, cluster, attempt: 1, generation, quorum }
    }

    /// The claim after this one, by whoever found it abandoned.
    pub fn again(&self, quorum: Quorum, generation: u64) -> Self {
        Self {
            revision: self.revision.next(),
            attempt: self.attempt.saturating_add(1),
            quorum,
            generation,
            ..self.clone()
        }
    }

    /// The polynomial of this claim.
    pub const fn split(&self) -> Split {
        Split { cluster: self.cluster, epoch: 1, attempt: self.attempt, quorum: self.quorum }
    }

    /// The active ring that this claim becomes, with new keys under `root`.
    pub fn activate(&self, _root: &RootKey, _rng: &mut impl CryptoRng) -> KeyRing {
        unimplemented!()
    }
}

/// One polynomial of a root and the digests of its shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardSet {
    /// Rises by one with each re-share or new root.
    pub epoch: u64,
    /// Counts the claims of one epoch, from 1.
    pub attempt: u64,
    /// What `spec.shamir.generation` was when it was made.
    pub generation: u64,
    /// How the root is split.
    pub quorum: Quorum,
    /// Its public name.
    pub id: SetId,
    /// By index.
    pub digests: Vec<ShardDigest>,
}

/// The recovery shards that custodians hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escrow {
    /// Counts the sets; a number is never used again.
    pub set: u32,
    /// How the root is split.
    pub quorum: Quorum,
    /// By index.
    pub digests: Vec<ShardDigest>,
    /// Whom the shards are encrypted to, by index; none: whoever has the recover role gets them.
    pub recipients: Vec<String>,
}

/// An active key ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRing {}

/// What a quorum of good shards gives.
pub struct Opened {
    /// The root key.
    pub root: RootKey,
    /// The ring's keys.
    pub keys: RingKeys,
    /// Shards that were not used.
    pub refused: Vec<Refused>,
}

impl KeyRing {
    /// Its revision.
    pub fn revision(&self) -> Revision {
        unimplemented!()
    }

    /// The cluster.
    pub fn cluster(&self) -> ClusterId {
        unimplemented!()
    }

    /// Which cluster of the trust domain, if there are several.
    pub fn instance(&self) -> Option<&Instance> {
        unimplemented!()
    }

    /// The set that is in force.
    pub fn current(&self) -> &ShardSet {
        unimplemented!()
    }

    /// The set that was in force before, until the current one has settled.
    pub fn previous(&self) -> Option<&ShardSet> {
        unimplemented!()
    }

    /// The set that is being put to the Keepers.
    pub fn pending(&self) -> Option<&ShardSet> {
        unimplemented!()
    }

    /// The recovery shards given out last.
    pub fn escrow(&self) -> Option<&Escrow> {
        unimplemented!()
    }

    /// The epoch in which the root was made.
    pub fn root_epoch(&self) -> u64 {
        unimplemented!()
    }

    /// Names the shards that would not be used, without using any.
    pub fn refuse(&self, _shards: &[Shard]) -> Vec<Refused> {
        unimplemented!()
    }

    /// Rebuilds the root from Keepers' shards, believes the ring, unwraps its keys.
    pub fn rebuild(&self, _shards: &[Shard]) -> Result<Opened, SealError> {
        unimplemented!()
    }

    /// Rebuilds the root from recovery shards.
    pub fn restore(&self, _shards: &[Shard]) -> Result<Opened, SealError> {
        unimplemented!()
    }

    /// Believes the ring and unwraps its keys with a root that is known.
    pub fn open(&self, _root: &RootKey) -> Result<RingKeys, SealError> {
        unimplemented!()
    }

    /// The Keepers' shards of the current set.
    pub fn deal(&self, _root: &RootKey) -> Vec<Shard> {
        unimplemented!()
    }

    /// The ring with the next set of recovery shards.
    pub fn with_next_escrow(
        &self,
        _root: &RootKey,
        _quorum: Quorum,
        _recipients: Vec<String>,
    ) -> Self {
        unimplemented!()
    }

    /// The recovery shards of the current escrow set, if there is one.
    pub fn deal_escrow(&self, _root: &RootKey) -> Option<Vec<Shard>> {
        unimplemented!()
    }

    /// The same ring with a revision above `seen`.
    pub fn raised_above(&self, _root: &RootKey, _seen: Revision) -> Self {
        unimplemented!()
    }
}
