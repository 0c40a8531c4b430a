//! The unwrapped keys of an active ring.

use rand::CryptoRng;
use spike_core::ClusterId;
use zeroize::Zeroizing;

use crate::SealError;

/// The unwrapped keys of an active ring, each on a guarded page.
pub struct RingKeys {}

/// What a keyed hash is for: hashes of different purposes never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashPurpose {
    /// Names a caller to the store.
    Caller,
    /// Names a write: caller, operation, path and idempotency key.
    WriteScope,
    /// What was asked for under a write key.
    WriteDigest,
}

/// What encryption as a service gives: SPIKE's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CipherText {
    /// Always 1.
    pub version: u8,
    /// Random.
    pub nonce: [u8; 12],
    /// With the tag.
    pub ciphertext: Vec<u8>,
}

impl RingKeys {
    /// The cluster.
    pub fn cluster(&self) -> ClusterId {
        unimplemented!()
    }

    /// HMAC-SHA-256 of `parts` under the index key.
    pub fn keyed_hash(&self, _purpose: HashPurpose, _parts: &[&[u8]]) -> [u8; 32] {
        unimplemented!()
    }

    /// Encryption as a service.
    pub fn encrypt(
        &self,
        _rng: &mut impl CryptoRng,
        _plaintext: &[u8],
    ) -> Result<CipherText, SealError> {
        unimplemented!()
    }

    /// Decryption as a service: tries every cipher key, newest first.
    pub fn decrypt(
        &self,
        _version: u8,
        _nonce: &[u8],
        _ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        unimplemented!()
    }

    /// The Ed25519 seed that signs the audit chain, and its key id.
    pub fn audit_key(&self) -> (u32, Zeroizing<[u8; 32]>) {
        unimplemented!()
    }
}
