//! Shamir shards of a root key: which polynomial they lie on, and how they are told apart.

use std::fmt;

use sha2::{Digest, Sha256};
use spike_core::{ClusterId, Quorum, SetId, ShardDigest, ShareIndex};

use crate::{RootKey, memory::Guarded, shamir, transcript::Transcript};

/// Which polynomial of a root the Keepers' shards lie on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// The cluster.
    pub cluster: ClusterId,
    /// Rises by one with each re-share or new root, from 1.
    pub epoch: u32,
    /// Counts the claims of one epoch, from 1.
    pub attempt: u32,
    /// How many, and how many suffice.
    pub quorum: Quorum,
}

/// Which polynomial of a root a set of recovery shards lies on.
///
/// Never the Keepers': a leaked recovery file and a Keeper don't add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EscrowSplit {
    /// The cluster.
    pub cluster: ClusterId,
    /// The epoch in which the root was made: a re-share leaves recovery shards good.
    pub root_epoch: u32,
    /// The number of the set, never used again.
    pub set: u32,
    /// How many, and how many suffice.
    pub quorum: Quorum,
}

/// One shard: 32 bytes at an x-coordinate, on a guarded page.
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

impl Split {
    /// The public name of this polynomial of `root`.
    pub fn set_id(&self, root: &RootKey) -> SetId {
        root.set_id(self)
    }

    /// All shards, by index. The same root always gives the same shards.
    pub fn deal(&self, root: &RootKey) -> Vec<Shard> {
        shamir::split(root.expose(), &root.shares_seed(self), self.quorum)
    }

    /// The digest of `bytes` as the shard `index` of this split.
    ///
    /// The attempt is left out: a shard of another claim has other bytes.
    pub fn digest(&self, index: ShareIndex, bytes: &[u8; 32]) -> ShardDigest {
        let place =
            Transcript::labelled("spike/v1/shard").bytes(&self.cluster.0).number(self.epoch);
        digest(place, self.quorum, index, bytes)
    }
}

impl EscrowSplit {
    /// All recovery shards of the set, by index.
    pub fn deal(&self, root: &RootKey) -> Vec<Shard> {
        shamir::split(root.expose(), &root.escrow_seed(self), self.quorum)
    }

    /// The digest of `bytes` as the recovery shard `index` of this set.
    pub fn digest(&self, index: ShareIndex, bytes: &[u8; 32]) -> ShardDigest {
        let place = Transcript::labelled("spike/v1/escrow")
            .bytes(&self.cluster.0)
            .number(self.root_epoch)
            .number(self.set);
        digest(place, self.quorum, index, bytes)
    }
}

fn digest(place: Transcript, quorum: Quorum, index: ShareIndex, bytes: &[u8; 32]) -> ShardDigest {
    let head = place.number(quorum.threshold()).number(quorum.shares()).number(index.get());
    // Hashed in two steps, so that the shard is never copied into the transcript's plain buffer.
    let mut hash = Sha256::new();
    hash.update(head.as_bytes());
    hash.update(32u32.to_be_bytes());
    hash.update(bytes);
    ShardDigest(hash.finalize().into())
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyRefused {
    /// No shard of the set has that index.
    #[error("no shard of the set has this index")]
    OutOfRange,
    /// A good shard with this index was there already.
    #[error("this index came twice")]
    Duplicate,
    /// Its digest is not the one that the ring names.
    #[error("it is corrupt, stale, foreign or misplaced: its digest is not the ring's")]
    Digest,
}
