//! Sealed documents: policies and their manifest.

use rand::CryptoRng;
use spike_core::Revision;
use zeroize::Zeroizing;

use crate::{RingKeys, SealError};

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DocumentPurpose {
    /// One policy.
    Policy,
    /// The list of policies.
    Manifest,
}

/// Where a document belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentAt<'a> {
    /// What it is.
    pub purpose: DocumentPurpose,
    /// Its name.
    pub name: &'a str,
    /// Its revision.
    pub revision: Revision,
    /// Chosen by its writer.
    pub tag: [u8; 16],
}

impl RingKeys {
    /// Seals a document under a key of its own.
    pub fn seal_document(
        &self,
        _rng: &mut impl CryptoRng,
        _at: DocumentAt<'_>,
        _plaintext: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        unimplemented!()
    }

    /// Opens a document.
    pub fn open_document(
        &self,
        _at: DocumentAt<'_>,
        _bytes: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        unimplemented!()
    }
}
