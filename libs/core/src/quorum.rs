//! How a root key is split.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a root key is split: any `threshold` of `shares` Keepers can rebuild it.
///
/// # Limits
///
/// | field | unit | range | why |
/// | --- | --- | --- | --- |
/// | `shares` | Keepers | 1 ..= 255 | a share's index is one non-zero byte of GF(2⁸) |
/// | `threshold` | Keepers | 1 ..= `shares` | 1 stores the root key in clear on every Keeper |
///
/// # Errors
///
/// [`Quorum::new`] returns [`InvalidQuorum`] outside those ranges; nothing is clamped.
///
/// # Source
///
/// A. Shamir, *How to share a secret*, CACM 22(11), 1979. The default of 2-of-3 is SPIKE's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    shares: u8,
    threshold: u8,
}

/// A quorum outside its ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a quorum needs 1 <= threshold <= shares <= 255, not {threshold} of {shares}")]
pub struct InvalidQuorum {
    /// What was asked for.
    pub shares: u64,
    /// What was asked for.
    pub threshold: u64,
}

impl Quorum {
    /// A quorum of `threshold` out of `shares`.
    pub fn new(shares: u64, threshold: u64) -> Result<Self, InvalidQuorum> {
        let invalid = InvalidQuorum { shares, threshold };
        match (u8::try_from(shares), u8::try_from(threshold)) {
            (Ok(s), Ok(t)) if 1 <= t && t <= s => Ok(Self { shares: s, threshold: t }),
            _ => Err(invalid),
        }
    }

    /// How many shards there are.
    pub const fn shares(self) -> u8 {
        self.shares
    }

    /// How many shards rebuild the root key.
    pub const fn threshold(self) -> u8 {
        self.threshold
    }

    /// Every index of the split, in order.
    pub fn indices(self) -> impl Iterator<Item = ShareIndex> {
        (1..=self.shares).map(ShareIndex)
    }

    /// True if a shard of this split can have the index.
    pub const fn has(self, index: ShareIndex) -> bool {
        index.0 <= self.shares
    }
}

impl fmt::Display for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.threshold, self.shares)
    }
}

/// The x-coordinate of a shard, 1 ..= 255; Keeper ordinal + 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct ShareIndex(u8);

/// The index 0, where the polynomial is the secret itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the index of a shard is 1 to 255")]
pub struct InvalidIndex;

impl TryFrom<u8> for ShareIndex {
    type Error = InvalidIndex;

    fn try_from(index: u8) -> Result<Self, InvalidIndex> {
        Self::new(index).ok_or(InvalidIndex)
    }
}

impl From<ShareIndex> for u8 {
    fn from(index: ShareIndex) -> Self {
        index.0
    }
}

impl ShareIndex {
    /// `None` for 0, where the polynomial is the secret itself.
    pub const fn new(index: u8) -> Option<Self> {
        if index == 0 { None } else { Some(Self(index)) }
    }

    /// The plain number, 1 ..= 255.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The place in a list ordered by index, from 0.
    pub const fn ordinal(self) -> usize {
        (self.0 - 1) as usize
    }
}

impl fmt::Display for ShareIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_clamped() {
        for (shares, threshold) in [(0, 0), (3, 0), (3, 4), (256, 2), (256, 256)] {
            assert_eq!(Quorum::new(shares, threshold), Err(InvalidQuorum { shares, threshold }));
        }
        assert_eq!(Quorum::new(255, 255).map(|q| q.indices().count()), Ok(255));
    }
}
