//! What the memory store keeps, and what each call makes of it.
//!
//! Plain functions under one lock: every change checks everything first and then cannot fail, which
//! is what makes a batch all or none.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Included, Unbounded},
};

use jiff::Timestamp;
use spike_core::{SecretPath, Version};

use super::keys::WriteKeys;
use crate::{
    Batch, Call, Commit, Committed, Document, DocumentDrop, DocumentPut, Epochs, Found, Generation,
    HeadRow, Kind, Listed, Names, Outcome, Page, Result, Sealed, Seen, Select, StoreError,
};

#[derive(Debug)]
struct Path {
    head: HeadRow,
    records: BTreeMap<Version, Sealed>,
}

#[derive(Debug)]
pub(super) struct State {
    epochs: Epochs,
    paths: BTreeMap<SecretPath, Path>,
    documents: BTreeMap<(Kind, String), Document>,
    keys: WriteKeys,
}

impl Default for State {
    fn default() -> Self {
        Self {
            epochs: Epochs::NONE,
            paths: BTreeMap::new(),
            documents: BTreeMap::new(),
            keys: WriteKeys::default(),
        }
    }
}

impl State {
    pub(super) fn seen<T>(&self, value: T) -> Seen<T> {
        Seen { epochs: self.epochs, value }
    }

    pub(super) fn find(&self, path: &SecretPath, select: Select) -> Found {
        let Some(kept) = self.paths.get(path) else { return Found::default() };
        let wanted = match select {
            Select::Head => None,
            Select::Current => kept.head.current,
            Select::Version(version) => Some(version),
        };
        let record =
            wanted.and_then(|version| Some((version, kept.records.get(&version)?.clone())));
        Found { head: Some(kept.head.clone()), record }
    }

    pub(super) fn commit(&mut self, call: &Call, batch: Batch) -> Result<Outcome> {
        self.guard(call)?;
        if let Some(key) = &batch.key
            && let Some(first) = self.keys.get(key)
        {
            return if first.digest == key.digest {
                Ok(Outcome { commits: first.commits.clone(), replayed: true })
            } else {
                Err(StoreError::KeyReused)
            };
        }
        for commit in &batch.commits {
            self.expected(commit)?;
        }
        let commits: Vec<_> = batch.commits.into_iter().map(|commit| self.apply(commit)).collect();
        if let Some(key) = &batch.key {
            self.keys.insert(call, key, commits.clone());
        }
        Ok(Outcome { commits, replayed: false })
    }

    pub(super) fn list(&self, page: &Page) -> Listed {
        let prefix = page.prefix.as_str();
        let from = match &page.after {
            Some(after) if after.as_str() >= prefix => Excluded(after.as_str()),
            _ => Included(prefix),
        };
        let mut rest = self
            .paths
            .range::<str, _>((from, Unbounded))
            .take_while(|(path, _)| path.as_str().starts_with(prefix))
            .map(|(path, kept)| (path.clone(), kept.head.clone()));
        let heads = rest.by_ref().take(page.size() as usize).collect();
        Listed { heads, more: rest.next().is_some() }
    }

    pub(super) fn load(&self, kind: Kind, names: &Names) -> Vec<Document> {
        let wanted = |name: &String| match names {
            Names::All => true,
            Names::These(names) => names.contains(name),
        };
        self.documents
            .range((kind, String::new())..)
            .take_while(|((of, _), _)| *of == kind)
            .filter(|((_, name), _)| wanted(name))
            .map(|(_, document)| document.clone())
            .collect()
    }

    pub(super) fn change(
        &mut self,
        call: &Call,
        puts: Vec<DocumentPut>,
        drops: &[DocumentDrop],
    ) -> Result<Epochs> {
        if self.is_done(&puts, drops) {
            return Ok(self.epochs);
        }
        self.guard(call)?;
        for put in &puts {
            self.expected_document(put.kind, &put.document.name, put.expect)?;
        }
        for drop in drops {
            self.expected_document(drop.kind, &drop.name, Some(drop.expect))?;
        }
        for DocumentPut { kind, document, .. } in puts {
            let Document { revision, tag, .. } = document;
            match kind {
                Kind::Ring => self.epochs.ring = revision,
                Kind::Manifest => {
                    self.epochs.generation = Generation { counter: revision.0, tag };
                }
                Kind::Policy | Kind::Audit => {}
            }
            self.documents.insert((kind, document.name.clone()), document);
        }
        for drop in drops {
            self.documents.remove(&(drop.kind, drop.name.clone()));
        }
        Ok(self.epochs)
    }

    pub(super) fn sweep(&mut self, now: Timestamp) -> u64 {
        self.keys.sweep(now)
    }

    fn guard(&self, call: &Call) -> Result<()> {
        match call.guard {
            Some(guard) if guard != self.epochs => Err(StoreError::Stale { epochs: self.epochs }),
            _ => Ok(()),
        }
    }

    fn expected(&self, commit: &Commit) -> Result<()> {
        let head = self.paths.get(&commit.path).map(|kept| &kept.head);
        if head.map(|head| head.revision) == commit.expect {
            return Ok(());
        }
        Err(StoreError::Conflict {
            path: commit.path.clone(),
            head: head.map(|head| Box::new(head.clone())),
        })
    }

    fn apply(&mut self, commit: Commit) -> Committed {
        let Commit { path, head, puts, drops, .. } = commit;
        let committed = Committed { revision: head.revision, current: head.current };
        let mut records = self.paths.remove(&path).map(|kept| kept.records).unwrap_or_default();
        for version in &drops {
            records.remove(version);
        }
        records.extend(puts);
        self.paths.insert(path, Path { head, records });
        committed
    }

    fn is_done(&self, puts: &[DocumentPut], drops: &[DocumentDrop]) -> bool {
        let kept = |kind: Kind, name: &String| self.documents.get(&(kind, name.clone()));
        puts.iter().all(|put| {
            kept(put.kind, &put.document.name).is_some_and(|there| {
                (there.revision, there.tag) == (put.document.revision, put.document.tag)
            })
        }) && drops.iter().all(|drop| kept(drop.kind, &drop.name).is_none())
    }

    fn expected_document(
        &self,
        kind: Kind,
        name: &str,
        expect: Option<spike_core::Revision>,
    ) -> Result<()> {
        let revision = self.documents.get(&(kind, name.to_owned())).map(|there| there.revision);
        if revision == expect {
            return Ok(());
        }
        Err(StoreError::DocumentConflict { name: name.to_owned(), revision })
    }
}
