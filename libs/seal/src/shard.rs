//! Shamir shards of a root key: how they are made, named and put together again.

use std::fmt;

use spike_core::{ClusterId, Quorum, SetId, ShareIndex};

use crate::{RootKey, memory::Guarded};

/// Which polynomial of a root the Keepers' shards lie on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// The cluster.
    pub cluster: ClusterId,
    /// Rises by one with each re-share or new root.
    pub epoch: u64,
    /// Counts the claims of one epoch, from 1.
    pub attempt: u64,
    /// How many, and how many suffice.
    pub quorum: Quorum,
}

/// Which polynomial of a root a set of recovery shards lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EscrowSplit {
    /// The cluster.
    pub cluster: ClusterId,
    /// The epoch in which the root was made.
    pub root_epoch: u64,
    /// The number of the set, never used again.
    pub set: u32,
    /// How many, and how many suffice.
    pub quorum: Quorum,
}

/// One shard: 32 bytes at an x-coordinate.
pub struct Shard {
    index: ShareIndex,
    bytes: Guarded<32>,
}

impl Shard {
    /// A shard that came from a Keeper or a custodian. Nothing is known of it yet.
    pub fn received(index: ShareIndex, bytes: &[u8; 32]) -> Self {
        Self { index, bytes: bytes.into() }
    }

    /// Its x-coordinate.
    pub const fn index(&self) -> ShareIndex {
        self.index
    }

    /// The secret.
    pub fn expose(&self) -> &[u8; 32] {
        self.bytes.expose()
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shard({}, [redacted])", self.index)
    }
}

/// The SHA-256 of a shard and of all that says where it belongs. Public.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShardDigest(pub [u8; 32]);

impl fmt::Debug for ShardDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A shard that was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The index under which it came.
    pub index: ShareIndex,
    /// Why.
    pub why: WhyRefused,
}

/// Why a shard was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyRefused {
    /// No shard of the set has that index.
    OutOfRange,
    /// A good shard with this index was there already.
    Duplicate,
    /// Its digest is not the one that the ring names: corrupt, stale, foreign or misplaced.
    Digest,
}

impl Split {
    /// The public name of this polynomial of `root`.
    pub fn set_id(&self, _root: &RootKey) -> SetId {
        unimplemented!()
    }

    /// All shards, by index. The same root always gives the same shards.
    pub fn deal(&self, _root: &RootKey) -> Vec<Shard> {
        unimplemented!()
    }

    /// The digest of one of its shards.
    pub fn digest(&self, _shard: &Shard) -> ShardDigest {
        unimplemented!()
    }
}

impl EscrowSplit {
    /// All recovery shards of the set, by index.
    pub fn deal(&self, _root: &RootKey) -> Vec<Shard> {
        unimplemented!()
    }

    /// The digest of one of its shards.
    pub fn digest(&self, _shard: &Shard) -> ShardDigest {
        unimplemented!()
    }
}
