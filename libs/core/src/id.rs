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

/// `N` public bytes, written as `2 * N` hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex<const N: usize>(pub [u8; N]);

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> FromStr for Hex<N> {
    type Err = InvalidHex;

    fn from_str(raw: &str) -> Result<Self, InvalidHex> {
        let mut bytes = [0; N];
        hex::decode_to_slice(raw, &mut bytes).map_err(|_| InvalidHex { digits: 2 * N })?;
        Ok(Self(bytes))
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// A field that is written like a [`Hex`]: `#[serde(with = "as_hex")]`.
pub mod as_hex {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::Hex;

    /// Writes the digits.
    pub fn serialize<S: Serializer, const N: usize>(
        bytes: &[u8; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        Hex(*bytes).serialize(serializer)
    }

    /// Reads the digits.
    pub fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[u8; N], D::Error> {
        Hex::deserialize(deserializer).map(|Hex(bytes)| bytes)
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($length:literal)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(#[serde(with = "as_hex")] pub [u8; $length]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Hex(self.0), f)
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
                raw.parse().map(|Hex(bytes)| Self(bytes))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_has_exactly_its_digits() {
        let json = r#""00ff10""#;
        assert_eq!(serde_json::from_str::<Hex<3>>(json).expect("three bytes"), Hex([0, 255, 16]));
        assert_eq!(serde_json::to_string(&Hex([0, 255, 16])).expect("JSON"), json);
        for wrong in ["", "00ff", "00ff1", "00ff1000", "00fg10"] {
            assert_eq!(wrong.parse::<Hex<3>>(), Err(InvalidHex { digits: 6 }), "{wrong}");
        }
    }

    #[test]
    fn an_id_is_written_as_its_bytes() {
        let id = ClusterId([0xab; 16]);
        let json = format!("\"{}\"", "ab".repeat(16));
        assert_eq!(serde_json::to_string(&id).expect("JSON"), json);
        assert_eq!(serde_json::from_str::<ClusterId>(&json).expect("an id"), id);
        assert_eq!(format!("{id} {id:?}"), format!("{0} {0}", "ab".repeat(16)));
    }
}
