//! AES-256-GCM as every part of this crate uses it: a key, a nonce, and what the bytes are bound to.
//!
//! It never chooses a nonce. Each caller says why its pair of key and nonce is new.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, AeadInOut, Payload},
};
use zeroize::Zeroizing;

/// Length of a tag.
pub(crate) const TAG: usize = 16;

/// Length of a nonce.
pub(crate) const NONCE: usize = 12;

/// A text too long for AES-GCM (64 GiB).
pub(crate) struct TooLong;

/// A ciphertext that no such key, nonce and binding made.
pub(crate) struct Forged;

/// Ciphertext, then tag.
pub(crate) fn seal(
    key: &[u8; 32],
    nonce: [u8; NONCE],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, TooLong> {
    Aes256Gcm::new(key.into())
        .encrypt(&nonce.into(), Payload { msg: plaintext, aad })
        .map_err(|_| TooLong)
}

/// Opens what [`seal`] made; the plaintext is in one buffer that is wiped when it is dropped.
pub(crate) fn open(
    key: &[u8; 32],
    nonce: [u8; NONCE],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Forged> {
    let (ciphertext, tag) = sealed.split_last_chunk::<TAG>().ok_or(Forged)?;
    let mut text = Zeroizing::new(ciphertext.to_vec());
    Aes256Gcm::new(key.into())
        .decrypt_inout_detached(&nonce.into(), aad, text.as_mut_slice().into(), tag.into())
        .map_err(|_| Forged)?;
    Ok(text)
}
