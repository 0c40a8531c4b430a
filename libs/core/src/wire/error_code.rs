//! SPIKE's stable error codes.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a request failed, in the words of SPIKE's code registry.
        ///
        /// # Source
        ///
        /// `errors/sentinel.go` of `spike-sdk-go` v0.19.9.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
            /// A code that this version never sends.
            Other(String),
        }

        impl ErrorCode {
            /// The code as it is sent.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for ErrorCode {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$name,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }
    };
}

codes! {
    /// The request can't be understood or asks for something impossible.
    BadRequest = "api_bad_request",
    /// The caller may not do this, or nobody knows the caller.
    Unauthorized = "access_unauthorized",
    /// Nothing is there.
    NotFound = "api_not_found",
    /// No root key yet, or the store can't be reached: ask again later.
    NotReady = "state_not_ready",
    /// There is a root key already.
    AlreadyInitialized = "state_already_initialized",
    /// It is our fault.
    Internal = "api_internal_error",
    /// A permission that doesn't exist.
    InvalidPermission = "access_invalid_permission",
    /// An entity of that name exists.
    EntityExists = "entity_exists",
    /// No such entity.
    EntityNotFound = "entity_not_found",
    /// No such version.
    VersionNotFound = "entity_version_not_found",
    /// A field has an impossible value.
    InvalidInput = "data_invalid_input",
    /// There is no root key.
    RootKeyMissing = "root_key_missing",
    /// Too few shards.
    NotEnoughShards = "shamir_not_enough_shards",
    /// A ciphertext is not ours or was changed.
    DecryptionFailed = "crypto_decryption_failed",
    /// A ciphertext has no version byte.
    ReadVersion = "crypto_failed_to_read_version",
    /// A ciphertext of a version that doesn't exist.
    UnsupportedVersion = "crypto_unsupported_version",
    /// A ciphertext ends within its nonce.
    ReadNonce = "crypto_failed_to_read_nonce",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}
