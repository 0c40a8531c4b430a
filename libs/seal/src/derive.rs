//! The two primitives under every key: HKDF-SHA-256 and HMAC-SHA-256.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::transcript::{Transcript, length_of};

/// HKDF-SHA-256 (RFC 5869) to `N` bytes.
pub(crate) fn derive<const N: usize>(
    key: &[u8; 32],
    salt: &[u8],
    info: &Transcript,
) -> Zeroizing<[u8; N]> {
    const { assert!(N <= 255 * 32, "HKDF-SHA-256 gives at most 8160 bytes") };
    let mut out = Zeroizing::new([0; N]);
    Hkdf::<Sha256>::new(Some(salt), key)
        .expand(info.as_bytes(), &mut *out)
        .expect("the length is checked when this is compiled");
    out
}

/// HMAC-SHA-256 (RFC 2104) of a transcript.
pub(crate) fn mac(key: &[u8; 32], message: &Transcript) -> [u8; 32] {
    keyed(key, message).finalize().into_bytes().into()
}

/// HMAC-SHA-256 of a transcript that goes on with `parts`. They may be secret: none of them is
/// copied into a transcript's plain buffer.
pub(crate) fn mac_with(key: &[u8; 32], start: &Transcript, parts: &[&[u8]]) -> [u8; 32] {
    let mut hmac = keyed(key, start);
    for part in parts {
        hmac.update(&length_of(part));
        hmac.update(part);
    }
    hmac.finalize().into_bytes().into()
}

/// Compares a MAC in constant time.
pub(crate) fn mac_is(key: &[u8; 32], message: &Transcript, claimed: &[u8; 32]) -> bool {
    keyed(key, message).verify_slice(claimed).is_ok()
}

fn keyed(key: &[u8; 32], message: &Transcript) -> Hmac<Sha256> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    hmac.update(message.as_bytes());
    hmac
}
