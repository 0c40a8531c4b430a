//! Sealed records: one version of one secret, bound to its place.

use rand::CryptoRng;
use spike_core::{ClusterId, Incarnation, SecretPath, Version, head::RecordTag};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{RingKeys, SealError, aead::TAG, envelope, transcript::Transcript};

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

impl RecordAt<'_> {
    fn binding(&self, cluster: ClusterId) -> Transcript {
        Transcript::of("record")
            .bytes(&cluster.0)
            .text(self.path.as_str())
            .bytes(&self.incarnation.0)
            .number(self.version.get())
    }
}

/// A record as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRecord {
    /// Format, key id, salt, ciphertext and tag.
    pub bytes: Vec<u8>,
    /// The last 16 bytes: what the head names the record by.
    pub tag: RecordTag,
}

impl RingKeys {
    /// Seals a record under a key of its own.
    ///
    /// # Errors
    ///
    /// [`SealError::TooLarge`] beyond 64 GiB.
    pub fn seal_record(
        &self,
        rng: &mut impl CryptoRng,
        at: RecordAt<'_>,
        plaintext: &[u8],
    ) -> Result<SealedRecord, SealError> {
        let bytes = envelope::seal(self, rng, at.binding(self.cluster()), plaintext)?;
        let tag = *bytes.last_chunk::<TAG>().expect("a sealed text ends in its tag");
        Ok(SealedRecord { bytes, tag: RecordTag(tag) })
    }

    /// Opens the record that the head names by `tag`.
    ///
    /// An older record of the same place has another tag: it is refused, though it would open.
    ///
    /// # Errors
    ///
    /// [`SealError::Forged`], [`SealError::UnknownFormat`] or [`SealError::UnknownKey`] if the store
    /// returned anything but what was sealed for this place.
    pub fn open_record(
        &self,
        at: RecordAt<'_>,
        tag: RecordTag,
        bytes: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let found = bytes.last_chunk::<TAG>().ok_or(SealError::Forged("record"))?;
        if !bool::from(found.ct_eq(&tag.0)) {
            return Err(SealError::Forged("record"));
        }
        envelope::open(self, at.binding(self.cluster()), bytes, "record")
    }
}
