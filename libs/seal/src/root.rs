//! The root key and what is derived from it.

use rand::CryptoRng;

use crate::memory::Guarded;

/// The one key from which a cluster's ring is opened. It encrypts no data.
pub struct RootKey(pub(crate) Guarded<32>);

impl RootKey {
    /// A new root.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Guarded::filled(|bytes| rng.fill_bytes(bytes)))
    }
}
