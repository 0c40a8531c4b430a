//! From nothing to an active ring: claim, claim again, activate.

use rand::CryptoRng;
use spike_core::{ClusterId, Instance, Quorum, Revision};

use super::{KeyRing, ShardSet, WrappedKey};
use crate::{
    RootKey, Split,
    ring_keys::{KeyPurpose, RingKey},
};

/// A claim on making the root key.
///
/// It has no MAC: its author has no root that anyone else knows. All it can do when forged is to make
/// a bootstrap fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Rises with every change.
    pub revision: Revision,
    /// Which cluster of the trust domain, if there are several.
    pub instance: Option<Instance>,
    /// The cluster: chosen by the first claim, kept by those after it.
    pub cluster: ClusterId,
    /// Counts the claims, from 1.
    pub attempt: u32,
    /// `SPIKE_NEXUS_SHAMIR_GENERATION`.
    pub generation: u64,
    /// How the root will be split.
    pub quorum: Quorum,
}

impl Claim {
    /// The epoch of a cluster's first root.
    const EPOCH: u32 = 1;

    /// The first claim.
    pub const fn first(
        cluster: ClusterId,
        instance: Option<Instance>,
        quorum: Quorum,
        generation: u64,
    ) -> Self {
        Self { revision: Revision::FIRST, instance, cluster, attempt: 1, generation, quorum }
    }

    /// The claim after this one, by whoever found it abandoned.
    ///
    /// Shards of this claim that reached a Keeper give way there: their attempt is lower.
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
        let Self { cluster, attempt, quorum, .. } = *self;
        Split { cluster, epoch: Self::EPOCH, attempt, quorum }
    }

    /// The active ring that this claim becomes: new keys of every purpose, wrapped by `root`.
    pub fn activate(&self, root: &RootKey, rng: &mut impl CryptoRng) -> KeyRing {
        let keys = KeyPurpose::ALL
            .into_iter()
            .zip(1..)
            .map(|(purpose, id)| {
                let key = RingKey::generate(id, purpose, rng);
                WrappedKey::wrap(&key, self.cluster, root, rng)
            })
            .collect();
        let unsigned = KeyRing {
            revision: self.revision.next(),
            instance: self.instance.clone(),
            cluster: self.cluster,
            root_epoch: Self::EPOCH,
            current: ShardSet::of(self.split(), self.generation, root),
            pending: None,
            previous: None,
            escrow: None,
            escrow_above: 0,
            keys,
            mac: [0; 32],
        };
        unsigned.signed(root)
    }
}
