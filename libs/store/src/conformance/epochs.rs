//! Laws of the epochs: what a decision rests on is seen with what is decided about.

use tokio::task::JoinSet;

use super::{
    Harness, Stage, open,
    samples::{
        all, batch, call, epochs, find, guarded, put, put_manifest, put_ring, revision, step,
    },
};
use crate::{Documents, Epochs, Kind, Names, Secrets, Select, StoreError, document::MANIFEST};

/// So many that they wait for each other inside the store, which is where an answer put together from
/// several statements falls apart.
const OBSERVERS: usize = 32;

/// See the name.
pub async fn an_empty_store_has_no_epochs<H: Harness>(harness: &H) {
    let store = open(harness).await;
    assert_eq!(store.read(&call(), &[]).await.expect("a read").epochs, Epochs::NONE);
    assert_eq!(store.list(&call(), all()).await.expect("a page").epochs, Epochs::NONE);
    let loaded = store.load(&call(), Kind::Ring, Names::All).await.expect("documents");
    assert_eq!((loaded.epochs, loaded.value), (Epochs::NONE, vec![]));
}

/// Epochs are compared whole: counter, tag and ring.
pub async fn a_stale_guard_is_refused_with_the_present_epochs<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let made = vec![put_manifest(0, 5), put_ring(0, 6)];
    store.change(&guarded(Epochs::NONE), made, vec![]).await.expect("a change");
    let present = epochs(1, 5, 1);

    for guard in [Epochs::NONE, epochs(0, 5, 1), epochs(1, 4, 1), epochs(1, 5, 0), epochs(2, 5, 1)]
    {
        let commit = store.commit(&guarded(guard), batch([step("a", 0)])).await.err();
        let policy = vec![put(Kind::Policy, "p", 0, 1)];
        let change = store.change(&guarded(guard), policy, vec![]).await.err();
        for refused in [commit, change] {
            match refused {
                Some(StoreError::Stale { epochs }) => assert_eq!(epochs, present),
                other => unreachable!("stale, not {other:?}"),
            }
        }
    }
    assert_eq!(revision(&*store, "a").await, 0);
    store.commit(&guarded(present), batch([step("a", 0)])).await.expect("a commit");
    let seen = store.load(&call(), Kind::Policy, Names::All).await.expect("documents");
    assert_eq!(seen.value, vec![]);
}

/// A record is written only after the manifest of the same number: whoever sees the record sees
/// epochs at least as new, in a read, a list and a load.
pub async fn no_answer_is_newer_than_its_epochs<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let stage = Stage::default();
    let readers: JoinSet<()> = (0..OBSERVERS)
        .map(|_| {
            let (store, stage) = (store.clone(), stage.clone());
            async move {
                while stage.is_open() {
                    let seen = find(&*store, "a", Select::Current).await;
                    let head = seen.value.head.map_or(0, |head| head.revision.0);
                    assert!(head <= seen.epochs.generation.counter, "read");

                    let seen = store.list(&call(), all()).await.expect("a page");
                    let head = seen.value.heads.first().map_or(0, |(_, head)| head.revision.0);
                    assert!(head <= seen.epochs.generation.counter, "list");

                    let names = Names::These(vec![MANIFEST.to_owned()]);
                    let seen = store.load(&call(), Kind::Manifest, names).await.expect("documents");
                    let manifest = seen.value.first().map_or(0, |document| document.revision.0);
                    assert!(manifest <= seen.epochs.generation.counter, "load");
                    stage.looked().await;
                }
            }
        })
        .collect();
    let mut from = 0;
    while stage.wants(from).await {
        store.change(&call(), vec![put_manifest(from, 1)], vec![]).await.expect("a change");
        store.commit(&call(), batch([step("a", from)])).await.expect("a commit");
        from += 1;
    }
    readers.join_all().await;
}

/// The head of number n is written between the manifests n and n + 1. Whoever knows the epochs before
/// a read and sees equal ones with it has a head of their time, never an earlier or a later one.
pub async fn equal_epochs_around_a_read_make_a_consistent_pair<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let stage = Stage::default();
    let readers: JoinSet<()> = (0..OBSERVERS)
        .map(|_| {
            let (store, stage) = (store.clone(), stage.clone());
            async move {
                while stage.is_open() {
                    let before = store.read(&call(), &[]).await.expect("a read").epochs;
                    let seen = find(&*store, "a", Select::Head).await;
                    if seen.epochs == before {
                        let head = seen.value.head.map_or(0, |head| head.revision.0);
                        let counter = before.generation.counter;
                        assert!(head <= counter && counter <= head + 1, "{head} at {counter}");
                        stage.looked().await;
                    }
                }
            }
        })
        .collect();
    let mut from = 0;
    while stage.wants(from).await {
        store.change(&call(), vec![put_manifest(from, 1)], vec![]).await.expect("a change");
        store.commit(&call(), batch([step("a", from)])).await.expect("a commit");
        from += 1;
    }
    readers.join_all().await;
}

/// Guarded commits race with changes of the policies: each that is acknowledged was made under
/// exactly the epochs that it names, and none is acknowledged after they are gone.
pub async fn a_commit_happens_under_the_epochs_it_was_decided_by<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let stage = Stage::default();
    let writers: JoinSet<()> = (0..4)
        .map(|number| {
            let (store, stage) = (store.clone(), stage.clone());
            let at = format!("w/{number}");
            async move {
                let (mut from, mut guard) = (0, Epochs::NONE);
                while stage.is_open() {
                    let before = store.read(&call(), &[]).await.expect("a read").epochs;
                    match store.commit(&guarded(guard), batch([step(&at, from)])).await {
                        Ok(seen) => {
                            assert_eq!(seen.epochs, guard);
                            assert_eq!(before.generation.counter, guard.generation.counter);
                            from += 1;
                            stage.looked().await;
                        }
                        Err(StoreError::Stale { epochs }) => guard = epochs,
                        Err(other) => unreachable!("{other:?}"),
                    }
                }
            }
        })
        .collect();
    let mut from = 0;
    while stage.wants(from).await {
        store.change(&call(), vec![put_manifest(from, 1)], vec![]).await.expect("a change");
        from += 1;
    }
    writers.join_all().await;
}
