//! What a store makes of a write, given what is there: no I/O.
//!
//! The order in which a write is refused is the contract's and not a store's own, so it is written
//! once. A batch: guard, write key, revisions. A change of documents: tags, guard, revisions.

use std::collections::HashMap;

use spike_core::SecretPath;

use crate::{
    Batch, Call, Commit, Committed, Document, DocumentDrop, DocumentPut, Epochs, Generation,
    HeadRow, Kind, Result, StoreError,
};

/// What is there of everything that some batches touch.
///
/// A row that can't be understood is the misfortune of those who touch it and of nobody else.
#[derive(Debug)]
pub struct Present {
    /// The epochs of the same snapshot.
    pub epochs: Epochs,
    /// Heads, of the paths that have one.
    pub heads: HashMap<SecretPath, Result<HeadRow>>,
    /// First writes, of the scopes that have one.
    pub keys: HashMap<[u8; 32], Result<First>>,
}

/// What became of the first write under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct First {
    /// Of which request.
    pub digest: [u8; 32],
    /// Its outcome.
    pub commits: Vec<Committed>,
}

/// What is to be done about a batch that isn't refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Write it.
    Write,
    /// Its key was used for the same request: this is what became of it.
    Replay(Vec<Committed>),
}

/// Refuses a call that was decided under other epochs.
pub fn guard(call: &Call, epochs: Epochs) -> Result<()> {
    match call.guard {
        Some(guard) if guard != epochs => Err(StoreError::Stale { epochs }),
        _ => Ok(()),
    }
}

impl Present {
    /// Decides one batch.
    pub fn decide(&self, call: &Call, batch: &Batch) -> Result<Verdict> {
        guard(call, self.epochs)?;
        if let Some(key) = &batch.key
            && let Some(first) = self.keys.get(&key.scope)
        {
            let First { digest, commits } = first.clone()?;
            let same = digest == key.digest;
            return if same { Ok(Verdict::Replay(commits)) } else { Err(StoreError::KeyReused) };
        }
        batch.commits.iter().try_for_each(|commit| self.expected(commit))?;
        Ok(Verdict::Write)
    }

    fn expected(&self, commit: &Commit) -> Result<()> {
        let head = self.heads.get(&commit.path).cloned().transpose()?;
        if head.as_ref().map(|head| head.revision) == commit.expect {
            return Ok(());
        }
        Err(StoreError::Conflict { path: commit.path.clone(), head: head.map(Box::new) })
    }
}

/// Documents that are there, of those that a change names.
pub type There<'d> = HashMap<(Kind, &'d str), Document>;

/// The epochs that a change leads to; `None` if it was made before and its answer got lost.
pub fn change(
    call: &Call,
    mut epochs: Epochs,
    there: &There<'_>,
    (puts, drops): (&[DocumentPut], &[DocumentDrop]),
) -> Result<Option<Epochs>> {
    let is_there = |DocumentPut { kind, document, .. }: &DocumentPut| {
        there
            .get(&(*kind, document.name.as_str()))
            .is_some_and(|there| (there.revision, there.tag) == (document.revision, document.tag))
    };
    let is_gone = |drop: &DocumentDrop| !there.contains_key(&(drop.kind, drop.name.as_str()));
    // Before the guard: a change that happened has moved the epochs itself.
    if puts.iter().all(is_there) && drops.iter().all(is_gone) {
        return Ok(None);
    }
    guard(call, epochs)?;
    let put_expects = puts.iter().map(|put| (put.kind, &put.document.name, put.expect));
    let drop_expects = drops.iter().map(|drop| (drop.kind, &drop.name, Some(drop.expect)));
    for (kind, name, expect) in put_expects.chain(drop_expects) {
        let revision = there.get(&(kind, name.as_str())).map(|there| there.revision);
        if revision != expect {
            return Err(StoreError::DocumentConflict { name: name.clone(), revision });
        }
    }
    for DocumentPut { kind, document, .. } in puts {
        let Document { revision, tag, .. } = *document;
        match kind {
            Kind::Ring => epochs.ring = revision,
            Kind::Manifest => epochs.generation = Generation { counter: revision.0, tag },
            Kind::Policy | Kind::Audit => {}
        }
    }
    Ok(Some(epochs))
}
