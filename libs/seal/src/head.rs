//! MACs of path heads.

use spike_core::{Head, Revision, SecretPath, Version};

use crate::{RingKeys, SealError};

/// A head with its MAC, ready for the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadMac {
    /// The encoded head.
    pub bytes: Vec<u8>,
    /// The index key of the MAC.
    pub key: u32,
    /// HMAC-SHA-256 of the bytes.
    pub mac: [u8; 32],
}

/// A head as the store gave it.
#[derive(Clone, Copy, Debug)]
pub struct HeadBytes<'a> {
    /// Where it was found.
    pub path: &'a SecretPath,
    /// The store's column.
    pub revision: Revision,
    /// The store's column.
    pub current: Option<Version>,
    /// The encoded head.
    pub bytes: &'a [u8],
    /// The index key of the MAC.
    pub key: u32,
    /// The MAC.
    pub mac: &'a [u8; 32],
}

impl RingKeys {
    /// Encodes and MACs a head.
    pub fn seal_head(&self, _head: &Head) -> HeadMac {
        unimplemented!()
    }

    /// Believes a head: MAC first, then path, revision and current must be what the bytes say.
    pub fn open_head(&self, _row: HeadBytes<'_>) -> Result<Head, SealError> {
        unimplemented!()
    }
}
