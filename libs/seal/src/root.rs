//! The root key and what is derived from it.

use std::fmt;

use rand::CryptoRng;
use spike_core::{ClusterId, SetId};
use zeroize::Zeroizing;

use crate::{
    EscrowSplit, Split,
    derive::{derive, mac},
    memory::Guarded,
    transcript::Transcript,
};

/// The one key from which a cluster's ring is opened. It encrypts no data.
pub struct RootKey(Guarded<32>);

type Derived = Zeroizing<[u8; 32]>;

impl RootKey {
    /// A new root.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Guarded::filled(|bytes| rng.fill_bytes(bytes)))
    }

    /// A root put together from shards; nothing says yet that it is the right one.
    pub(crate) fn rebuilt(bytes: Guarded<32>) -> Self {
        Self(bytes)
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// Wraps the ring's keys.
    pub(crate) fn kek(&self, cluster: ClusterId) -> Derived {
        self.derive(cluster, &Transcript::of("kek"))
    }

    /// MACs the ring.
    pub(crate) fn ring_key(&self, cluster: ClusterId) -> Derived {
        self.derive(cluster, &Transcript::of("ring"))
    }

    /// Names a polynomial of this root.
    pub(crate) fn set_id(&self, split: &Split) -> SetId {
        let key = self.derive(split.cluster, &Transcript::of("set"));
        let name = Transcript::of("set")
            .number(split.epoch)
            .number(split.quorum.threshold())
            .number(split.quorum.shares())
            .number(split.attempt);
        let mac = mac(&key, &name);
        SetId(*mac.first_chunk().expect("32 bytes have a first half"))
    }

    /// Seeds the polynomial of the Keepers' shards.
    pub(crate) fn shares_seed(&self, split: &Split) -> Derived {
        let info = Transcript::of("shares")
            .number(split.epoch)
            .number(split.quorum.threshold())
            .number(split.quorum.shares())
            .number(split.attempt);
        self.derive(split.cluster, &info)
    }

    /// Seeds the polynomial of one set of recovery shards.
    pub(crate) fn escrow_seed(&self, split: &EscrowSplit) -> Derived {
        let info = Transcript::of("escrow")
            .number(split.root_epoch)
            .number(split.set)
            .number(split.quorum.threshold())
            .number(split.quorum.shares());
        self.derive(split.cluster, &info)
    }

    fn derive(&self, cluster: ClusterId, info: &Transcript) -> Derived {
        derive(self.expose(), &cluster.0, info)
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey([redacted])")
    }
}
