//! Values with a form of their own: secrets, bytes, shards and times.

use std::fmt;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use super::{BadJson, Decode, Reader};

/// Go's `base64.StdEncoding`: padding is required, unused bits of the last character are not looked
/// at.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// A text that is not padded standard base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected padded standard base64")]
pub struct NotBase64;

/// A text that is a secret: wiped when dropped, never shown.
#[derive(Default, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d).map(Self::from)
    }
}

impl Decode for SecretText {
    fn assign(&mut self, json: &mut Reader<'_>) -> Result<(), BadJson> {
        if !json.null()? {
            self.0 = json.string()?;
        }
        Ok(())
    }
}

macro_rules! bytes {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Default, PartialEq, Eq)]
        pub struct $name($inner);

        impl $name {
            /// The bytes themselves.
            pub fn as_slice(&self) -> &[u8] {
                &self.0
            }

            /// Reads padded standard base64, as Go does: line breaks are passed over.
            pub fn from_base64(text: &str) -> Result<Self, NotBase64> {
                decode_base64(text).map(|mut bytes| Self::from(std::mem::take(&mut *bytes)))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&Zeroizing::new(BASE64.encode(self.as_slice())))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = SecretText::deserialize(d)?;
                Self::from_base64(text.as_str()).map_err(de::Error::custom)
            }
        }

        /// A string of base64 or, as in Go, an array of integers.
        impl Decode for $name {
            fn assign(&mut self, json: &mut Reader<'_>) -> Result<(), BadJson> {
                if json.null()? {
                    *self = Self::default();
                } else if json.peek() == Some(b'[') {
                    self.0.assign(json)?;
                } else {
                    let refused = json.expected("padded standard base64");
                    *self = Self::from_base64(&json.string()?).map_err(|_| refused)?;
                }
                Ok(())
            }
        }
    };
}

bytes! {
    /// Bytes that are a secret: base64 in JSON, wiped when dropped, never shown.
    SecretBytes(Zeroizing<Vec<u8>>)
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl From<Zeroizing<Vec<u8>>> for SecretBytes {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

bytes! {
    /// Bytes that are no secret: base64 in JSON.
    #[derive(Clone, Debug)]
    Base64(Vec<u8>)
}

impl From<Vec<u8>> for Base64 {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

fn decode_base64(text: &str) -> Result<Zeroizing<Vec<u8>>, NotBase64> {
    // Two steps, so that the copy without line breaks is wiped like the rest.
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    plain.extend(text.bytes().filter(|b| !matches!(b, b'\r' | b'\n')));
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    BASE64.decode_vec(&*plain, &mut bytes).map_err(|_| NotBase64)?;
    Ok(bytes)
}

/// A shard of SPIKE's protocol: an array of 32 integers in JSON, wiped when dropped, never shown.
///
/// A shorter array is filled with zeros and a longer one cut off, as Go does.
#[derive(Default, PartialEq, Eq)]
pub struct ShardBytes(Zeroizing<[u8; 32]>);

impl ShardBytes {
    /// The bytes themselves.
    pub fn as_array(&self) -> &[u8; 32] {
        &self.0
    }

    /// True for 32 zeros, which SPIKE refuses as a shard.
    pub fn is_zero(&self) -> bool {
        self.0.iter().fold(0, |all, byte| all | byte) == 0
    }
}

impl From<[u8; 32]> for ShardBytes {
    fn from(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for ShardBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Serialize for ShardBytes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

impl Decode for ShardBytes {
    fn assign(&mut self, json: &mut Reader<'_>) -> Result<(), BadJson> {
        if json.null()? {
            return Ok(());
        }
        let mut count = 0;
        json.array(|json| {
            count += 1;
            match self.0.get_mut(count - 1) {
                Some(byte) => byte.assign(json),
                None => json.skip(),
            }
        })?;
        self.0.iter_mut().skip(count).for_each(|byte| *byte = 0);
        Ok(())
    }
}

/// A time as Go's `time.Time` writes it: RFC 3339, UTC, with as many decimals as it needs.
///
/// Go's range ends with the year 9999, this one a day before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Timestamp);

/// 0001-01-01T00:00:00Z in seconds: the zero value of Go's `time.Time`.
const GO_ZERO_TIME: i64 = -62_135_596_800;

impl Default for Time {
    fn default() -> Self {
        Self(Timestamp::from_second(GO_ZERO_TIME).expect("within jiff's range"))
    }
}

impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        Self(time)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

impl Decode for Time {
    fn assign(&mut self, json: &mut Reader<'_>) -> Result<(), BadJson> {
        if !json.null()? {
            let refused = json.expected("a time of RFC 3339");
            self.0 = json.string()?.parse().map_err(|_| refused)?;
        }
        Ok(())
    }
}
