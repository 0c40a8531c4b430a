//! Shamir's secret sharing over GF(2⁸), made safe to use.
//!
//! The library beneath returns a wrong secret as `Ok` for duplicate indices and the share itself for
//! index 0. [`Points`] can hold neither, so that [`Points::recover`] can't be asked for it.

use chacha20::ChaCha20Rng;
use rand::SeedableRng;
use sharks::{Share, Sharks};
use spike_core::{Quorum, ShareIndex};
use zeroize::Zeroizing;

use crate::{Shard, memory::Guarded};

/// Splits a secret. The polynomial comes from the seed alone: the same seed, the same shards.
pub(crate) fn split(secret: &[u8; 32], seed: &[u8; 32], quorum: Quorum) -> Vec<Shard> {
    let mut polynomial = ChaCha20Rng::from_seed(*seed);
    Sharks(quorum.threshold())
        .dealer_rng(secret, &mut polynomial)
        .zip(quorum.indices())
        .map(|(share, index)| received(index, &share))
        .collect()
}

fn received(index: ShareIndex, share: &Share) -> Shard {
    let bytes = Zeroizing::new(Vec::from(share));
    let (&x, y) = bytes.split_first().expect("a share is its index and its bytes");
    assert_eq!(x, index.get(), "the dealer counts from 1");
    Shard::received(index, y.try_into().expect("as long as the secret"))
}

/// Exactly as many shards as the threshold, all of different indices of one quorum.
pub(crate) struct Points<'a> {
    threshold: u8,
    shards: Vec<&'a Shard>,
}

impl<'a> Points<'a> {
    /// Takes the first of each index until there are enough; `None` if there never are.
    pub(crate) fn of(quorum: Quorum, shards: &[&'a Shard]) -> Option<Self> {
        let threshold = quorum.threshold();
        let mut chosen: Vec<&Shard> = Vec::with_capacity(usize::from(threshold));
        for shard in shards {
            let new = chosen.iter().all(|other| other.index() != shard.index());
            if chosen.len() < usize::from(threshold) && quorum.has(shard.index()) && new {
                chosen.push(shard);
            }
        }
        (chosen.len() == usize::from(threshold)).then_some(Self { threshold, shards: chosen })
    }

    /// What the shards are points of. Shards of different secrets give a third one: the caller
    /// checks what comes out.
    pub(crate) fn recover(&self) -> Guarded<32> {
        let shares: Vec<Share> = self.shards.iter().map(|shard| share(shard)).collect();
        let recovered = Sharks(self.threshold)
            .recover(&shares)
            .expect("as many as the threshold, of equal length and distinct indices");
        let secret = Zeroizing::new(recovered);
        let secret: &[u8; 32] = secret.as_slice().try_into().expect("as long as a shard");
        Guarded::from(secret)
    }
}

fn share(shard: &Shard) -> Share {
    let mut bytes = Zeroizing::new(Vec::with_capacity(1 + 32));
    bytes.push(shard.index().get());
    bytes.extend_from_slice(shard.expose());
    Share::try_from(bytes.as_slice()).expect("33 bytes are an index and a shard")
}
