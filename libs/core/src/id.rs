//! Public names made of random or derived bytes, written in hex.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A text that is not hex digits of the right number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {digits} hex digits")]
pub struct InvalidHex {
    /// How many there should be.
    pub digits: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($length:literal)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $length]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidHex;

            fn from_str(raw: &str) -> Result<Self, InvalidHex> {
                let mut bytes = [0; $length];
                hex::decode_to_slice(raw, &mut bytes)
                    .map_err(|_| InvalidHex { digits: 2 * $length })?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                <std::borrow::Cow<'de, str>>::deserialize(d)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

id! {
    /// One secrets store, from bootstrap to its end. Random; bound into every ciphertext.
    ClusterId(16)
}
id! {
    /// Names one polynomial of one root key: which shards belong together. Derived; public.
    SetId(16)
}
id! {
    /// SHA-256 of a shard together with all that it belongs to. Public: a shard is uniformly random,
    /// so its digest tells nothing about it.
    ShardDigest(32)
}
