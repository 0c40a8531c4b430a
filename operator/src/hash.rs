//! Digests of what is wanted, to see that it changed.

use std::fmt::{self, Write as _};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The first 16 hex digits of a SHA-256 over JSON: enough to tell templates apart, short enough for
/// a label.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

impl Digest {
    /// The digest of a value's JSON, whose maps are sorted.
    pub fn of(value: &impl Serialize) -> Self {
        let json = serde_json::to_vec(value).expect("our own types are JSON");
        Self::bytes(&json)
    }

    /// The digest of bytes.
    pub fn bytes(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        Self(digest.iter().take(8).fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string can't fail");
            text
        }))
    }

    /// As it is written in a label or an annotation; whatever is there, for it is only compared.
    pub fn read(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight digits, for names.
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn another_value_is_another_digest() {
        let a = Digest::of(&BTreeMap::from([("a", 1), ("b", 2)]));
        assert_eq!(a, Digest::of(&BTreeMap::from([("b", 2), ("a", 1)])));
        assert_ne!(a, Digest::of(&BTreeMap::from([("a", 1), ("b", 3)])));
        assert_eq!((a.as_str().len(), a.short().len()), (16, 8));
        assert_eq!(Digest::read(a.as_str()), a);
    }
}
