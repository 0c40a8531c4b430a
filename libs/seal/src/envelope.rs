//! The stored form of records and documents.
//!
//! ```text
//! format (1) = 1 | key id (4, big endian) | salt (24) | ciphertext | tag (16)
//! ```
//! The AES-256-GCM key and its nonce are HKDF-SHA-256(record key, salt, info = binding): new for each
//! sealing, so that there is no budget of nonces, and another place derives another key. The
//! binding is also the additional data.

use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    RingKeys, SealError, aead,
    derive::derive,
    ring_keys::{KeyPurpose, RingKey},
    transcript::Transcript,
};

const FORMAT: u8 = 1;
const SALT: usize = 24;
const HEADER: usize = 1 + 4 + SALT;

/// Seals under the newest record key. `binding` says where the text belongs.
pub(crate) fn seal(
    keys: &RingKeys,
    rng: &mut impl CryptoRng,
    binding: Transcript,
    plaintext: &[u8],
) -> Result<Vec<u8>, SealError> {
    let key = keys.active(KeyPurpose::Record);
    let mut salt = [0; SALT];
    rng.fill_bytes(&mut salt);

    let binding = binding.number(key.id);
    let (derived, nonce) = for_one_text(key, salt, &binding);
    let sealed = aead::seal(&derived, nonce, binding.as_bytes(), plaintext)
        .map_err(|aead::TooLong| SealError::TooLarge)?;

    let mut bytes = Vec::with_capacity(HEADER + sealed.len());
    bytes.push(FORMAT);
    bytes.extend_from_slice(&key.id.to_be_bytes());
    bytes.extend_from_slice(&salt);
    bytes.extend_from_slice(&sealed);
    Ok(bytes)
}

/// Opens what was sealed for `binding`; `what` names it in the error.
pub(crate) fn open(
    keys: &RingKeys,
    binding: Transcript,
    bytes: &[u8],
    what: &'static str,
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let forged = || SealError::Forged(what);
    let (&format, rest) = bytes.split_first().ok_or_else(forged)?;
    if format != FORMAT {
        return Err(SealError::UnknownFormat(format));
    }
    let (&id, rest) = rest.split_first_chunk::<4>().ok_or_else(forged)?;
    let (&salt, sealed) = rest.split_first_chunk::<SALT>().ok_or_else(forged)?;

    let key = keys.named(KeyPurpose::Record, u32::from_be_bytes(id))?;
    let binding = binding.number(key.id);
    let (derived, nonce) = for_one_text(key, salt, &binding);
    aead::open(&derived, nonce, binding.as_bytes(), sealed).map_err(|aead::Forged| forged())
}

fn for_one_text(
    key: &RingKey,
    salt: [u8; SALT],
    binding: &Transcript,
) -> (Zeroizing<[u8; 32]>, [u8; aead::NONCE]) {
    let derived = derive::<{ 32 + aead::NONCE }>(key.bytes.expose(), &salt, binding);
    let (key, nonce) = derived.split_first_chunk::<32>().expect("44 bytes begin with 32");
    (Zeroizing::new(*key), nonce.try_into().expect("and end with 12"))
}
