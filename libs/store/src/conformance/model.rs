//! The law of laws: any sequence of calls does to a store what it does to a model of the contract.
//!
//! The model is as plain as can be. A change works on a copy of everything, which takes the place of
//! the original if nothing was refused.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
};

use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::select,
    test_runner::{Config, FileFailurePersistence, TestCaseResult, TestRunner},
};
use spike_core::{Revision, SecretPath, Version};

use super::{
    Harness,
    samples::{call, drop_policy, head, key, path, put, put_manifest, put_ring, record, version},
};
use crate::{
    Batch, Call, Commit, Committed, Document, DocumentDrop, DocumentPut, Epochs, Found, Generation,
    HeadRow, Kind, Listed, Manage, Names, Outcome, Page, Result, Sealed, Seen, Select, Store,
    StoreError, WriteKey,
    document::{MANIFEST, RING},
};

/// How many histories, and how long.
const HISTORIES: u32 = 48;
const LENGTH: usize = 40;

const PATHS: [&str; 5] = ["a", "a/b", "a/c", "b", "B"];
const POLICIES: [&str; 3] = ["p", "q", "r"];
const DOCUMENTS: [&str; 5] = ["p", "q", "r", RING, MANIFEST];
const KINDS: [Kind; 4] = [Kind::Ring, Kind::Manifest, Kind::Policy, Kind::Audit];

type Name = &'static str;

/// One call, in terms of what is there when its turn comes.
#[derive(Clone, Debug)]
enum Step {
    Commit { fresh: Option<bool>, changes: Vec<Change>, key: Option<(u64, u8)> },
    Documents { fresh: Option<bool>, put: Vec<(Name, bool, u8)>, drop: Option<(Name, bool)> },
    Read(Vec<(Name, Select)>),
    List { prefix: Name, after: Option<Name>, limit: u32 },
    Load(Kind),
}

/// One path's part of a commit; `right` if it expects what is there.
#[derive(Clone, Debug)]
struct Change {
    path: Name,
    right: bool,
    current: Option<u64>,
    puts: Vec<(u64, u8)>,
    drops: Vec<u64>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let mostly = || prop::bool::weighted(0.85);
    let fresh = || option::weighted(0.8, mostly());
    let number = || 1..4_u64;
    let change =
        (select(&PATHS[..]), mostly(), option::of(number()), vec((number(), 0..3_u8), 0..3))
            .prop_flat_map(move |(path, right, current, puts)| {
                vec(number(), 0..3).prop_map(move |drops| {
                    let puts = puts.clone();
                    Change { path, right, current, puts, drops }
                })
            });
    let selection = prop_oneof![
        Just(Select::Head),
        Just(Select::Current),
        number().prop_map(|number| Select::Version(version(number))),
    ];
    let prefix = select(vec!["", "a", "a/", "b", "B", "c"]);
    let step = prop_oneof![
        4 => (fresh(), vec(change, 0..4), option::of((0..4_u64, 0..2_u8)))
            .prop_map(|(fresh, changes, key)| Step::Commit { fresh, changes, key }),
        3 => (fresh(), vec((select(&DOCUMENTS[..]), mostly(), 0..2_u8), 0..3),
              option::weighted(0.3, (select(&POLICIES[..]), mostly())))
            .prop_map(|(fresh, put, drop)| Step::Documents { fresh, put, drop }),
        3 => vec((select(&PATHS[..]), selection), 0..6).prop_map(Step::Read),
        1 => (prefix, option::of(select(&PATHS[..])), 0..4_u32)
            .prop_map(|(prefix, after, limit)| Step::List { prefix, after, limit }),
        1 => select(&KINDS[..]).prop_map(Step::Load),
    ];
    vec(step, 1..LENGTH)
}

/// What the contract says should be there.
#[derive(Clone, Debug)]
struct Model {
    epochs: Epochs,
    heads: BTreeMap<SecretPath, HeadRow>,
    records: BTreeMap<(SecretPath, Version), Sealed>,
    documents: BTreeMap<(Kind, String), Document>,
    keys: BTreeMap<[u8; 32], ([u8; 32], Vec<Committed>)>,
}

impl Model {
    fn seen<T>(&self, value: T) -> Seen<T> {
        Seen { epochs: self.epochs, value }
    }

    fn guard(&self, call: &Call) -> Result<()> {
        let stale = call.guard.is_some_and(|guard| guard != self.epochs);
        if stale { Err(StoreError::Stale { epochs: self.epochs }) } else { Ok(()) }
    }

    fn commit(&mut self, call: &Call, batch: &Batch) -> Result<Seen<Outcome>> {
        self.guard(call)?;
        if let Some(key) = batch.key
            && let Some((digest, commits)) = self.keys.get(&key.scope)
        {
            let outcome = Outcome { commits: commits.clone(), replayed: true };
            let same = *digest == key.digest;
            return if same { Ok(self.seen(outcome)) } else { Err(StoreError::KeyReused) };
        }
        let mut after = self.clone();
        let mut commits = vec![];
        for Commit { path, expect, head, puts, drops } in &batch.commits {
            let there = self.heads.get(path);
            if there.map(|there| there.revision) != *expect {
                let head = there.cloned().map(Box::new);
                return Err(StoreError::Conflict { path: path.clone(), head });
            }
            after.heads.insert(path.clone(), head.clone());
            for version in drops {
                after.records.remove(&(path.clone(), *version));
            }
            for (version, record) in puts {
                after.records.insert((path.clone(), *version), record.clone());
            }
            commits.push(Committed { revision: head.revision, current: head.current });
        }
        if let Some(key) = batch.key {
            after.keys.insert(key.scope, (key.digest, commits.clone()));
        }
        *self = after;
        Ok(self.seen(Outcome { commits, replayed: false }))
    }

    fn change(
        &mut self,
        call: &Call,
        puts: &[DocumentPut],
        drops: &[DocumentDrop],
    ) -> Result<Epochs> {
        let there = |kind: Kind, name: &str| self.documents.get(&(kind, name.to_owned()));
        let put_before = puts.iter().all(|DocumentPut { kind, document, .. }| {
            there(*kind, &document.name)
                .is_some_and(|kept| kept.revision == document.revision && kept.tag == document.tag)
        });
        if put_before && drops.iter().all(|drop| there(drop.kind, &drop.name).is_none()) {
            return Ok(self.epochs);
        }
        self.guard(call)?;
        let expected = puts.iter().map(|put| (put.kind, &put.document.name, put.expect));
        let expected =
            expected.chain(drops.iter().map(|drop| (drop.kind, &drop.name, Some(drop.expect))));
        for (kind, name, expect) in expected {
            let revision = there(kind, name).map(|kept| kept.revision);
            if revision != expect {
                return Err(StoreError::DocumentConflict { name: name.clone(), revision });
            }
        }
        for DocumentPut { kind, document, .. } in puts {
            let generation = Generation { counter: document.revision.0, tag: document.tag };
            match kind {
                Kind::Manifest => self.epochs.generation = generation,
                Kind::Ring => self.epochs.ring = document.revision,
                Kind::Policy | Kind::Audit => {}
            }
            self.documents.insert((*kind, document.name.clone()), document.clone());
        }
        for drop in drops {
            self.documents.remove(&(drop.kind, drop.name.clone()));
        }
        Ok(self.epochs)
    }

    fn find(&self, path: &SecretPath, select: Select) -> Found {
        let head = self.heads.get(path);
        let wanted = match select {
            Select::Head => None,
            Select::Current => head.and_then(|head| head.current),
            Select::Version(version) => Some(version),
        };
        let record = wanted.and_then(|version| {
            let record = self.records.get(&(path.clone(), version))?;
            Some((version, record.clone()))
        });
        Found { head: head.cloned(), record: record.filter(|_| head.is_some()) }
    }

    fn list(&self, page: &Page) -> Listed {
        let behind = |path: &SecretPath| page.after.as_ref().is_none_or(|after| path > after);
        let all = self.heads.iter().filter(|(path, _)| behind(path));
        let all = all.filter(|(path, _)| path.as_str().starts_with(&page.prefix));
        let size = page.size() as usize;
        let heads = all.clone().take(size).map(|(path, head)| (path.clone(), head.clone()));
        Listed { heads: heads.collect(), more: all.count() > size }
    }

    fn load(&self, kind: Kind) -> Vec<Document> {
        let of_kind = self.documents.iter().filter(|((of, _), _)| *of == kind);
        of_kind.map(|(_, document)| document.clone()).collect()
    }
}

/// What a step asks for, now that it is known what is there.
impl Model {
    fn call(&self, fresh: Option<bool>) -> Call {
        let stale = Epochs { ring: self.epochs.ring.next(), ..self.epochs };
        let guard = fresh.map(|fresh| if fresh { self.epochs } else { stale });
        Call { guard, ..call() }
    }

    fn batch(&self, changes: &[Change], named: Option<(u64, u8)>) -> Batch {
        let mut commits: Vec<Commit> = vec![];
        for Change { path: at, right, current, puts, drops } in changes {
            let path = path(at);
            if commits.iter().any(|commit| commit.path == path) {
                continue;
            }
            let there = self.heads.get(&path).map_or(0, |head| head.revision.0);
            let from = if *right { there } else { there + 1 };
            commits.push(Commit {
                path,
                expect: (from > 0).then_some(Revision(from)),
                head: head(from + 1, *current),
                puts: puts
                    .iter()
                    .map(|(n, text)| (version(*n), record(text.to_string())))
                    .collect(),
                drops: drops.iter().copied().map(version).collect(),
            });
        }
        let key = named.map(|(number, digest)| WriteKey { digest: [digest; 32], ..key(number) });
        Batch { commits, key }
    }

    fn puts(&self, wanted: &[(Name, bool, u8)]) -> Vec<DocumentPut> {
        let mut puts: Vec<DocumentPut> = vec![];
        for (name, right, tag) in wanted {
            let from = |kind: Kind, name: &str| {
                let kept = self.documents.get(&(kind, name.to_owned()));
                let there = kept.map_or(0, |kept| kept.revision.0);
                if *right { there } else { there.saturating_sub(1) }
            };
            let wanted = match *name {
                RING => put_ring(from(Kind::Ring, name), *tag),
                MANIFEST => put_manifest(from(Kind::Manifest, name), *tag),
                policy => put(Kind::Policy, policy, from(Kind::Policy, policy), *tag),
            };
            if puts.iter().all(|put| put.document.name != wanted.document.name) {
                puts.push(wanted);
            }
        }
        puts
    }

    fn drops(&self, wanted: Option<(Name, bool)>, puts: &[DocumentPut]) -> Vec<DocumentDrop> {
        let Some((name, right)) = wanted else { return vec![] };
        let kept = self.documents.get(&(Kind::Policy, name.to_owned()));
        let there = kept.map_or(1, |kept| kept.revision.0);
        let drop = drop_policy(name, if right { there } else { there + 1 });
        if puts.iter().any(|put| put.document.name == name) { vec![] } else { vec![drop] }
    }
}

async fn agrees(store: &impl Store, steps: Vec<Step>) -> TestCaseResult {
    let mut model = Model {
        epochs: Epochs::NONE,
        heads: BTreeMap::new(),
        records: BTreeMap::new(),
        documents: BTreeMap::new(),
        keys: BTreeMap::new(),
    };
    for step in steps {
        let (found, expected) = take(store, &mut model, &step).await;
        prop_assert_eq!(found, expected, "{:?}", step);
    }
    Ok(())
}

/// What a step returns, of the store and of the model: errors can only be compared as text.
async fn take(store: &impl Store, model: &mut Model, step: &Step) -> (String, String) {
    fn texts<T: std::fmt::Debug>(found: &Result<T>, expected: &Result<T>) -> (String, String) {
        (format!("{found:?}"), format!("{expected:?}"))
    }
    match step {
        Step::Commit { fresh, changes, key } => {
            let (call, batch) = (model.call(*fresh), model.batch(changes, *key));
            let found = store.commit(&call, batch.clone()).await;
            texts(&found, &model.commit(&call, &batch))
        }
        Step::Documents { fresh, put, drop } => {
            let (call, puts) = (model.call(*fresh), model.puts(put));
            let drops = model.drops(*drop, &puts);
            let found = store.change(&call, puts.clone(), drops.clone()).await;
            texts(&found, &model.change(&call, &puts, &drops))
        }
        Step::Read(wanted) => {
            let want: Vec<_> = wanted.iter().map(|(at, select)| (path(at), *select)).collect();
            let expected = want.iter().map(|(path, select)| model.find(path, *select)).collect();
            texts(&store.read(&call(), &want).await, &Ok(model.seen(expected)))
        }
        Step::List { prefix, after, limit } => {
            let after = after.map(path);
            let page = Page { prefix: (*prefix).to_owned(), after, limit: *limit };
            let found = store.list(&call(), page.clone()).await;
            texts(&found, &Ok(model.seen(model.list(&page))))
        }
        Step::Load(kind) => {
            let found = store.load(&call(), *kind, Names::All).await;
            texts(&found, &Ok(model.seen(model.load(*kind))))
        }
    }
}

/// Each history has a space of its own.
pub fn any_history_agrees_with_the_model<H: Harness>(harness: &H) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let mut runner = TestRunner::new(Config {
        cases: HISTORIES,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..Config::default()
    });
    let spaces = AtomicU32::new(0);
    let outcome = runner.run(&steps(), |steps| {
        let number = spaces.fetch_add(1, Ordering::Relaxed);
        runtime.block_on(async {
            let store = harness.open(&format!("history-{number}")).await.expect("the store opens");
            let outcome = agrees(&store, steps).await;
            store.close().await;
            outcome
        })
    });
    if let Err(failure) = outcome {
        unreachable!("{failure}\n{runner}");
    }
}
