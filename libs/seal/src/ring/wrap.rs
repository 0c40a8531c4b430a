//! Keys of the ring, wrapped by the root's key-encryption key.

use rand::CryptoRng;
use spike_core::ClusterId;

use crate::{
    RootKey, SealError, aead,
    memory::Guarded,
    ring_keys::{KeyPurpose, RingKey},
    transcript::Transcript,
};

/// A wrapped 32-byte key: the key's ciphertext, then the tag.
const WRAPPED: usize = 32 + aead::TAG;

/// One key of the ring as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// Unique within the ring, whatever the purpose; never used again.
    pub id: u32,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// False once a newer one has taken over; it still opens what it sealed.
    pub active: bool,
    /// Random: one key-encryption key wraps a few dozen keys in its life.
    pub nonce: [u8; aead::NONCE],
    /// AES-256-GCM, bound to cluster, id and purpose.
    pub wrapped: [u8; WRAPPED],
}

impl WrappedKey {
    pub(crate) fn wrap(
        key: &RingKey,
        cluster: ClusterId,
        root: &RootKey,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut nonce = [0; aead::NONCE];
        rng.fill_bytes(&mut nonce);
        let binding = binding(cluster, key.id, key.purpose);
        let sealed = aead::seal(&root.kek(cluster), nonce, binding.as_bytes(), key.bytes.expose())
            .unwrap_or_else(|aead::TooLong| unreachable!("a key has 32 bytes"));
        let wrapped = sealed.try_into().expect("a key and a tag");
        Self { id: key.id, purpose: key.purpose, active: key.active, nonce, wrapped }
    }

    pub(crate) fn unwrap(&self, cluster: ClusterId, root: &RootKey) -> Result<RingKey, SealError> {
        let binding = binding(cluster, self.id, self.purpose);
        let key = aead::open(&root.kek(cluster), self.nonce, binding.as_bytes(), &self.wrapped)
            .map_err(|aead::Forged| SealError::RingForged)?;
        let bytes: &[u8; 32] = key.as_slice().try_into().expect("the ciphertext has 32 bytes");
        let (id, purpose, active) = (self.id, self.purpose, self.active);
        Ok(RingKey { id, purpose, active, bytes: Guarded::from(bytes) })
    }
}

fn binding(cluster: ClusterId, id: u32, purpose: KeyPurpose) -> Transcript {
    Transcript::of("kek").bytes(&cluster.0).number(id).text(purpose.name())
}
