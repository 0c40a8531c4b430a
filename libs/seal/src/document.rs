//! Sealed documents: policies and their manifest.

use rand::CryptoRng;
use spike_core::{ClusterId, Revision};
use zeroize::Zeroizing;

use crate::{RingKeys, SealError, envelope, transcript::Transcript};

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DocumentPurpose {
    /// One policy.
    Policy,
    /// The list of policies.
    Manifest,
}

impl DocumentPurpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Manifest => "manifest",
        }
    }
}

/// Where a document belongs. All of it is bound to the ciphertext.
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

impl DocumentAt<'_> {
    fn binding(&self, cluster: ClusterId) -> Transcript {
        Transcript::of(self.purpose.name())
            .bytes(&cluster.0)
            .text(self.name)
            .number(self.revision.0)
            .bytes(&self.tag)
    }
}

impl RingKeys {
    /// Seals a document under a key of its own.
    ///
    /// # Errors
    ///
    /// [`SealError::TooLarge`] beyond 64 GiB.
    pub fn seal_document(
        &self,
        rng: &mut impl CryptoRng,
        at: DocumentAt<'_>,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        envelope::seal(self, rng, at.binding(self.cluster()), plaintext)
    }

    /// Opens a document.
    ///
    /// # Errors
    ///
    /// [`SealError::Forged`], [`SealError::UnknownFormat`] or [`SealError::UnknownKey`] if the store
    /// returned anything but what was sealed for this place.
    pub fn open_document(
        &self,
        at: DocumentAt<'_>,
        bytes: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        envelope::open(self, at.binding(self.cluster()), bytes, at.purpose.name())
    }
}
