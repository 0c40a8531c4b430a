//! Sealed records: one version of one secret, bound to its place.

use rand::CryptoRng;
use spike_core::{Incarnation, SecretPath, Version, head::RecordTag};
use zeroize::Zeroizing;

use crate::{RingKeys, SealError};

/// Where a record belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordAt<'a> {
    /// The path.
    pub path: &'a SecretPath,
    /// Which life of the path.
    pub incarnation: Incarnation,
    /// Which version.
    pub version: Version,
}

/// A record as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRecord {
    /// Format, key id, salt, ciphertext and tag.
    pub bytes: Vec<u8>,
    /// What the head names it by.
    pub tag: RecordTag,
}

impl RingKeys {
    /// Seals a record under a key of its own.
    pub fn seal_record(
        &self,
        _rng: &mut impl CryptoRng,
        _at: RecordAt<'_>,
        _plaintext: &[u8],
    ) -> Result<SealedRecord, SealError> {
        unimplemented!()
    }

    /// Opens the record that the head names by `tag`.
    pub fn open_record(
        &self,
        _at: RecordAt<'_>,
        _tag: RecordTag,
        _bytes: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        unimplemented!()
    }
}
