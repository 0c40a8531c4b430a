//! Reads the policies and believes them only if they are exactly what their manifest says.

use spike_core::policy::Policy;
use spike_seal::{DocumentAt, DocumentPurpose, RingKeys, SealError};
use spike_store::{Call, Document, Kind, Names, Seen};

use super::{
    manifest::{Digest, Entry, Manifest},
    memo::Policies,
};
use crate::{
    app::{
        App,
        error::{Error, Result},
        settle::NO_MANIFEST,
    },
    keys::Unsealed,
};

/// Reads manifest and policies, of these only the ones that `have` lacks.
///
/// `None` if the policies changed in between, or the key ring did.
pub(super) async fn load(
    app: &App,
    call: &Call,
    unsealed: &Unsealed,
    have: &Policies,
) -> Result<Option<Policies>> {
    let floor = app.watermark.get();
    let listed = app.store.load(call, Kind::Manifest, Names::All).await?;
    if listed.epochs.ring != unsealed.ring.revision() {
        return Ok(None);
    }
    let manifest = believe(&unsealed.keys, &listed, floor)?;
    let changed = changed(have.manifest(), &manifest);
    let mut documents = Vec::new();
    if !changed.is_empty() {
        let read = app.store.load(call, Kind::Policy, Names::These(changed)).await?;
        if read.epochs != listed.epochs {
            return Ok(None);
        }
        documents = read.value;
    }
    let policies = assemble(&unsealed.keys, &manifest, have, documents)?;
    Ok(Some(Policies::new(manifest, policies)))
}

/// The manifest, if it is the one that the epochs name and no older than was seen.
pub(crate) fn believe(keys: &RingKeys, seen: &Seen<Vec<Document>>, floor: u64) -> Result<Manifest> {
    let [document] = seen.value.as_slice() else {
        return Err(Error::rolled_back(NO_MANIFEST));
    };
    if document.revision.0 < floor {
        let found = document.revision;
        let text = format!("the policies went back from generation {floor} to {found}");
        return Err(Error::rolled_back(text));
    }
    let forged = forged("manifest_forged");
    let manifest = Manifest::open(keys, document).map_err(&forged)?;
    if manifest.generation() != seen.epochs.generation {
        return Err(forged(SealError::Contradiction("generation")));
    }
    Ok(manifest)
}

/// The names of the policies that `have` doesn't have as `manifest` wants them.
fn changed(have: &Manifest, manifest: &Manifest) -> Vec<String> {
    let differs = |entry: &&Entry| have.entry(&entry.name) != Some(entry);
    manifest.entries().iter().filter(differs).map(|entry| entry.name.to_string()).collect()
}

/// Every policy of the manifest, from what is known already and what was read.
fn assemble(
    keys: &RingKeys,
    manifest: &Manifest,
    have: &Policies,
    documents: Vec<Document>,
) -> Result<Vec<Policy>> {
    let mut read = documents.into_iter().peekable();
    let mut policies = Vec::with_capacity(manifest.entries().len());
    for entry in manifest.entries() {
        let known = have.manifest().entry(&entry.name) == Some(entry);
        if let Some(policy) = have.get(&entry.name).filter(|_| known) {
            policies.push(policy.clone());
            continue;
        }
        let document = read.next_if(|document| document.name == entry.name.as_str());
        let document = document.ok_or_else(|| missing(entry))?;
        policies.push(open(keys, entry, &document).map_err(forged("policy_forged"))?);
    }
    Ok(policies)
}

/// Believes a policy that the store returned.
fn open(
    keys: &RingKeys,
    entry: &Entry,
    document: &Document,
) -> std::result::Result<Policy, SealError> {
    if document.revision != entry.revision || Digest::of(&document.bytes) != entry.digest {
        return Err(SealError::Contradiction("policy"));
    }
    let at = DocumentAt {
        purpose: DocumentPurpose::Policy,
        name: &document.name,
        revision: document.revision,
        tag: document.tag,
    };
    let plain = keys.open_document(at, &document.bytes)?;
    serde_json::from_slice(&plain).map_err(|_| SealError::Forged("policy"))
}

fn missing(entry: &Entry) -> Error {
    tracing::error!(policy = %entry.name, "the store left out a policy that its manifest names");
    forged("policy_missing")(SealError::Forged("list of policies"))
}

fn forged(what: &'static str) -> impl Fn(SealError) -> Error {
    move |source| Error::Tampered { what, path: None, source }
}
