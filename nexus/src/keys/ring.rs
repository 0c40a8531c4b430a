//! The ring as a document of the store.

use rand::CryptoRng;
use spike_seal::{RingDocument, SealError};
use spike_store::{
    Call, Document, DocumentPut, Epochs, Kind, Names, Store, StoreError, document::RING,
};

/// What the store shows of the ring. Nothing of it is believed yet.
pub(crate) struct RingRead {
    /// Of the same snapshot.
    pub(crate) epochs: Epochs,
    /// `None` if the store has no ring.
    pub(crate) document: Result<Option<RingDocument>, SealError>,
}

impl RingRead {
    /// Reads the ring.
    pub(crate) async fn from(store: &dyn Store, call: &Call) -> Result<Self, StoreError> {
        let seen = store.load(call, Kind::Ring, Names::These(vec![RING.to_owned()])).await?;
        let document = seen.value.first().map(decode).transpose();
        Ok(Self { epochs: seen.epochs, document })
    }
}

fn decode(document: &Document) -> Result<RingDocument, SealError> {
    let ring = RingDocument::decode(&document.bytes)?;
    if ring.revision() == document.revision {
        Ok(ring)
    } else {
        Err(SealError::Contradiction("key ring's revision"))
    }
}

/// The write that replaces the ring `before` (`None`: there is none yet). The tag tells this write
/// from another's.
pub(crate) fn ring_put(
    after: &RingDocument,
    before: Option<&RingDocument>,
    tag: [u8; 16],
) -> DocumentPut {
    let document = Document {
        name: RING.to_owned(),
        revision: after.revision(),
        tag,
        bytes: after.encode().into(),
    };
    DocumentPut { kind: Kind::Ring, expect: before.map(RingDocument::revision), document }
}

/// Sixteen random bytes for a write.
pub(crate) fn new_tag(rng: &mut impl CryptoRng) -> [u8; 16] {
    let mut tag = [0; 16];
    rng.fill_bytes(&mut tag);
    tag
}
