//! The list of all policies: sealed, and changed together with every policy.
//!
//! A store could keep a revoked policy, bring an old one back or leave one out. The manifest names
//! each policy with its revision and the digest of its sealed bytes, and its own revision and tag
//! are the generation that every decision is compared with; so what differs from it is refused.

use rand::{CryptoRng, Rng};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use spike_core::{Revision, id::as_hex, policy::PolicyName};
use spike_seal::{DocumentAt, DocumentPurpose, RingKeys, SealError};
use spike_store::{Document, DocumentPut, Generation, Kind};

/// The name of the one manifest.
const NAME: &str = "manifest";

/// The form of its JSON.
const FORMAT: u32 = 1;

/// What the manifest says of one policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The policy.
    pub(crate) name: PolicyName,
    /// The revision of its document.
    pub(crate) revision: Revision,
    /// The SHA-256 of its sealed bytes.
    pub(crate) digest: Digest,
}

/// The SHA-256 of a document's sealed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Digest(#[serde(with = "as_hex")] [u8; 32]);

impl Digest {
    /// Of these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// The list of all policies at one generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    generation: Generation,
    entries: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Form {
    format: u32,
    policies: Vec<Entry>,
}

impl Manifest {
    /// No policies yet: what a bootstrap puts together with the active ring.
    pub fn first(rng: &mut impl Rng) -> Self {
        Self { generation: Generation { counter: 1, tag: tag(rng) }, entries: Vec::new() }
    }

    /// The same policies at a generation above `counter`: what accepting a rollback puts.
    pub fn raised_above(&self, counter: u64, rng: &mut impl Rng) -> Self {
        let counter = counter.max(self.generation.counter).saturating_add(1);
        Self { generation: Generation { counter, tag: tag(rng) }, entries: self.entries.clone() }
    }

    /// No policies at generation 0: what is known before anything was read. No store shows it.
    pub(crate) const fn unknown() -> Self {
        let generation = Generation { counter: 0, tag: [0; 16] };
        Self { generation, entries: Vec::new() }
    }

    /// Which generation this is.
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// The revision of its document, and of each policy that is written with it.
    pub(crate) const fn revision(&self) -> Revision {
        Revision(self.generation.counter)
    }

    /// By byte order of the names.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What it says of a policy.
    pub(crate) fn entry(&self, name: &PolicyName) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.name.cmp(name)).ok()?;
        self.entries.get(at)
    }

    /// The next generation, to be changed with [`Manifest::set`] and [`Manifest::remove`].
    pub(crate) fn next(&self, rng: &mut impl Rng) -> Self {
        self.raised_above(self.generation.counter, rng)
    }

    /// Adds or replaces a policy.
    pub(crate) fn set(&mut self, entry: Entry) {
        match self.entries.binary_search_by(|have| have.name.cmp(&entry.name)) {
            Ok(at) => {
                if let Some(place) = self.entries.get_mut(at) {
                    *place = entry;
                }
            }
            Err(at) => self.entries.insert(at, entry),
        }
    }

    /// Leaves a policy out.
    pub(crate) fn remove(&mut self, name: &PolicyName) {
        self.entries.retain(|entry| entry.name != *name);
    }

    /// The sealed document, with the revision that it replaces (`None`: there is none yet).
    pub fn put(
        &self,
        keys: &RingKeys,
        rng: &mut impl CryptoRng,
        expect: Option<Revision>,
    ) -> Result<DocumentPut, SealError> {
        let form = Form { format: FORMAT, policies: self.entries.clone() };
        let plain = serde_json::to_vec(&form).expect("names and numbers are always JSON");
        let document = Document {
            name: NAME.to_owned(),
            revision: self.revision(),
            tag: self.generation.tag,
            bytes: keys.seal_document(rng, self.at(), &plain)?.into(),
        };
        Ok(DocumentPut { kind: Kind::Manifest, expect, document })
    }

    /// Believes a manifest that the store returned.
    pub fn open(keys: &RingKeys, document: &Document) -> Result<Self, SealError> {
        let generation = Generation { counter: document.revision.0, tag: document.tag };
        let mut manifest = Self { generation, entries: Vec::new() };
        let plain = keys.open_document(manifest.at(), &document.bytes)?;
        let form: Form =
            serde_json::from_slice(&plain).map_err(|_| SealError::Forged("policy manifest"))?;
        if form.format != FORMAT {
            return Err(SealError::UnknownFormat(u8::try_from(form.format).unwrap_or(u8::MAX)));
        }
        manifest.entries = form.policies;
        Ok(manifest)
    }

    fn at(&self) -> DocumentAt<'_> {
        DocumentAt {
            purpose: DocumentPurpose::Manifest,
            name: NAME,
            revision: self.revision(),
            tag: self.generation.tag,
        }
    }
}

/// Sixteen random bytes: tell a document's writer its own write from another's.
pub(crate) fn tag(rng: &mut impl Rng) -> [u8; 16] {
    let mut tag = [0; 16];
    rng.fill_bytes(&mut tag);
    tag
}
