//! `/v1/cipher/…` in JSON form, and `/v1/bootstrap/verify`, which takes what a cipher route made.

use super::{message, route};
use crate::wire::{Base64, ErrorCode, SecretBytes};

message! {
    /// Encrypts bytes.
    CipherEncryptRequest {
        /// The bytes.
        "plaintext" plaintext: SecretBytes,
        /// Not looked at.
        #[serde(skip_serializing_if = "String::is_empty")]
        "algorithm" algorithm: String,
    }
}
message! {
    /// A ciphertext.
    CipherEncryptResponse {
        /// The form of the ciphertext.
        "version" version: u8,
        /// 12 bytes.
        "nonce" nonce: Option<Base64>,
        /// The ciphertext with its 16-byte tag.
        "ciphertext" ciphertext: Option<Base64>,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        "err" err: Option<ErrorCode>,
    }
}
route!(CipherEncryptRequest -> CipherEncryptResponse at "/v1/cipher/encrypt");

message! {
    /// Decrypts what [`CipherEncryptResponse`] gave.
    CipherDecryptRequest {
        /// The form of the ciphertext.
        "version" version: u8,
        /// 12 bytes.
        "nonce" nonce: Base64,
        /// The ciphertext with its 16-byte tag.
        "ciphertext" ciphertext: Base64,
        /// Not looked at.
        #[serde(skip_serializing_if = "String::is_empty")]
        "algorithm" algorithm: String,
    }
}
message! {
    /// A plaintext.
    CipherDecryptResponse {
        /// The plaintext.
        "plaintext" plaintext: Option<SecretBytes>,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        "err" err: Option<ErrorCode>,
    }
}
route!(CipherDecryptRequest -> CipherDecryptResponse at "/v1/cipher/decrypt");

message! {
    /// Asks for proof that Nexus has the root key of a ciphertext.
    BootstrapVerifyRequest {
        /// 12 bytes.
        "nonce" nonce: Base64,
        /// The ciphertext with its 16-byte tag.
        "ciphertext" ciphertext: Base64,
    }
}
message! {
    /// The proof.
    BootstrapVerifyResponse {
        /// SHA-256 of the plaintext in hex.
        "hash" hash: String,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        "err" err: Option<ErrorCode>,
    }
}
route!(BootstrapVerifyRequest -> BootstrapVerifyResponse at "/v1/bootstrap/verify");
