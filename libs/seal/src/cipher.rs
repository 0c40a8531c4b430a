//! Encryption as a service, in SPIKE's form: a version byte, a nonce, a ciphertext; no key id.

use std::sync::atomic::Ordering;

use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    RingKeys, SealError, aead,
    derive::derive,
    ring_keys::{KeyPurpose, RingKey},
    transcript::Transcript,
};

/// The one version of the form.
pub const CIPHER_VERSION: u8 = 1;

/// The most cipher keys a ring can have: decryption tries them all.
pub const MAX_CIPHER_KEYS: usize = 16;

/// After how many encryptions one process asks for a new cipher key: 2²⁸ random 96-bit nonces meet
/// with a probability below 2⁻⁴⁰.
pub const CIPHER_KEY_BUDGET: u64 = 1 << 28;

/// What [`RingKeys::encrypt`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CipherText {
    /// Always [`CIPHER_VERSION`].
    pub version: u8,
    /// Random.
    pub nonce: [u8; 12],
    /// With the tag behind it.
    pub ciphertext: Vec<u8>,
}

impl CipherText {
    /// How much longer `ciphertext` is than what was encrypted.
    pub const TAG: usize = aead::TAG;
}

impl RingKeys {
    /// Encrypts a caller's text.
    ///
    /// The random nonce also derives the text's key.
    ///
    /// # Errors
    ///
    /// [`SealError::TooLarge`] beyond 64 GiB.
    pub fn encrypt(
        &self,
        rng: &mut impl CryptoRng,
        plaintext: &[u8],
    ) -> Result<CipherText, SealError> {
        let mut nonce = [0; aead::NONCE];
        rng.fill_bytes(&mut nonce);
        self.encryptions.fetch_add(1, Ordering::Relaxed);
        let key = self.for_nonce(self.active(KeyPurpose::Cipher), nonce);
        let ciphertext = aead::seal(&key, nonce, &[CIPHER_VERSION], plaintext)
            .map_err(|aead::TooLong| SealError::TooLarge)?;
        Ok(CipherText { version: CIPHER_VERSION, nonce, ciphertext })
    }

    /// Decrypts a caller's text: tries every cipher key, newest first.
    ///
    /// # Errors
    ///
    /// [`SealError::CipherVersion`] for a version that was never issued, [`SealError::Undecryptable`]
    /// for everything else.
    pub fn decrypt(
        &self,
        version: u8,
        nonce: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        if version != CIPHER_VERSION {
            return Err(SealError::CipherVersion(version));
        }
        let nonce: [u8; aead::NONCE] = nonce.try_into().map_err(|_| SealError::Undecryptable)?;
        self.all(KeyPurpose::Cipher)
            .map(|key| self.for_nonce(key, nonce))
            .find_map(|key| aead::open(&key, nonce, &[CIPHER_VERSION], ciphertext).ok())
            .ok_or(SealError::Undecryptable)
    }

    /// True once this process has used up the [`CIPHER_KEY_BUDGET`] of its cipher key.
    pub fn cipher_key_is_worn(&self) -> bool {
        self.encryptions.load(Ordering::Relaxed) >= CIPHER_KEY_BUDGET
    }

    fn for_nonce(&self, key: &RingKey, nonce: [u8; aead::NONCE]) -> Zeroizing<[u8; 32]> {
        let info = Transcript::of("cipher").bytes(&self.cluster().0).number(key.id);
        derive(key.bytes.expose(), &nonce, &info)
    }
}
