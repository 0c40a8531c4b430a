//! What the tests of this crate share: randomness that repeats, and a ring to work on.
#![allow(dead_code, reason = "every test file takes what it needs")]

use std::convert::Infallible;

use chacha20::ChaCha20Rng;
use rand::{SeedableRng, TryCryptoRng, TryRng};
use spike_core::{ClusterId, Incarnation, Quorum, Version};
use spike_seal::{Claim, KeyRing, RecordAt, RingKeys, RootKey};

/// "Random" bytes that are written down. Running out of them fails the test.
pub(crate) struct Fixed(Vec<u8>);

impl Fixed {
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Overwrites what was handed out.
    pub(crate) fn wipe(&mut self) {
        let whole = self.0.capacity();
        self.0.clear();
        self.0.resize(whole, 0);
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("only bytes are drawn")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("only bytes are drawn")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        let (drawn, _) = self.0.split_at(out.len());
        out.copy_from_slice(drawn);
        self.0.drain(..out.len());
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

pub(crate) fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

pub(crate) fn quorum(threshold: u64, shares: u64) -> Quorum {
    Quorum::new(shares, threshold).expect("a valid quorum")
}

pub(crate) struct Cluster {
    pub(crate) root: RootKey,
    pub(crate) ring: KeyRing,
    pub(crate) keys: RingKeys,
}

/// A cluster that was just bootstrapped; another seed, another cluster.
pub(crate) fn cluster(seed: u8, quorum: Quorum) -> Cluster {
    let mut random = rng(seed);
    let root = RootKey::generate(&mut random);
    let claim = Claim::first(ClusterId([seed; 16]), None, quorum, 1);
    let ring = claim.activate(&root, &mut random);
    let keys = ring.open(&root).expect("its own root");
    Cluster { root, ring, keys }
}

pub(crate) fn at(path: &spike_core::SecretPath) -> RecordAt<'_> {
    RecordAt { path, incarnation: Incarnation([3; 16]), version: Version::FIRST }
}
