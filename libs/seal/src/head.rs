//! MACs of path heads: what makes a store's answer about a path believable.

use spike_core::{ClusterId, Head, Revision, SecretPath, Version, head::BadHead};

use crate::{
    KeyPurpose, RingKeys, SealError,
    derive::{mac, mac_is},
    transcript::Transcript,
};

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
    pub fn seal_head(&self, head: &Head) -> HeadMac {
        let bytes = head.encode();
        let key = self.active(KeyPurpose::Index);
        let mac = mac(key.bytes.expose(), &binding(self.cluster(), key.id, &bytes));
        HeadMac { key: key.id, mac, bytes }
    }

    /// Believes a head: MAC first, then path, revision and current must be what the bytes say.
    ///
    /// # Errors
    ///
    /// [`SealError::UnknownKey`] or [`SealError::Forged`] if no key of ours made it;
    /// [`SealError::Contradiction`] if it belongs to another path or the store's columns were edited.
    pub fn open_head(&self, row: HeadBytes<'_>) -> Result<Head, SealError> {
        let key = self.named(KeyPurpose::Index, row.key)?;
        let message = binding(self.cluster(), key.id, row.bytes);
        if !mac_is(key.bytes.expose(), &message, row.mac) {
            return Err(SealError::Forged("head"));
        }
        let head = Head::decode(row.bytes).map_err(|bad| match bad {
            BadHead::Format(format) => SealError::UnknownFormat(format),
            _ => SealError::Forged("head"),
        })?;
        if head.path != *row.path {
            return Err(SealError::Contradiction("path"));
        }
        if head.revision != row.revision {
            return Err(SealError::Contradiction("revision"));
        }
        if head.current() != row.current {
            return Err(SealError::Contradiction("current version"));
        }
        Ok(head)
    }
}

fn binding(cluster: ClusterId, key: u32, bytes: &[u8]) -> Transcript {
    Transcript::of("head").bytes(&cluster.0).number(key).bytes(bytes)
}
