//! Laws of what is left when a store ends.

use super::{
    Harness, SPACE,
    samples::{
        batch, call, document, epochs, find, key, keyed, put, put_manifest, put_ring, record, step,
        version,
    },
};
use crate::{Kind, Manage, Names, Secrets, Select, Store};

async fn fill(store: &impl Store) {
    let documents = vec![put_ring(0, 2), put_manifest(0, 3), put(Kind::Policy, "p", 0, 4)];
    store.change(&call(), documents, vec![]).await.expect("a change");
    store.commit(&call(), batch([step("a", 0)])).await.expect("a commit");
    store.commit(&call(), keyed([step("a", 1)], key(1))).await.expect("a commit");
    store.commit(&call(), batch([step("b", 0)])).await.expect("a commit");
}

async fn check(store: &impl Store) {
    let seen = find(store, "a", Select::Version(version(1))).await;
    assert_eq!(seen.epochs, epochs(1, 3, 1));
    assert_eq!(seen.value.record, Some((version(1), record("1"))));
    let seen = find(store, "a", Select::Current).await.value;
    assert_eq!(seen.record, Some((version(2), record("2"))));
    assert!(find(store, "b", Select::Current).await.value.record.is_some());
    let policies = store.load(&call(), Kind::Policy, Names::All).await.expect("documents");
    assert_eq!(policies.value, [document("p", 1, 4)]);
    let again = store.commit(&call(), keyed([step("a", 1)], key(1))).await;
    assert!(again.expect("a repetition").value.replayed);
    store.health().await.expect("it takes writes");
}

/// See the name.
pub async fn a_restart_keeps_everything<H: Harness>(harness: &H) {
    let store = harness.open(SPACE).await.expect("the store opens");
    assert!(store.capabilities().durable);
    fill(&store).await;
    store.close().await;
    drop(store);
    check(&harness.open(SPACE).await.expect("the store opens again")).await;
}

/// Twice, since what comes after a crash is written on what the crash left.
pub async fn a_crash_keeps_what_was_acknowledged<H: Harness>(harness: &H) {
    let store = harness.open(SPACE).await.expect("the store opens");
    fill(&store).await;
    harness.crash(SPACE, store).await;
    for from in 0..2 {
        let store = harness.open(SPACE).await.expect("the store opens again");
        check(&store).await;
        store.commit(&call(), batch([step("after", from)])).await.expect("a commit");
        harness.crash(SPACE, store).await;
    }
    let store = harness.open(SPACE).await.expect("the store opens again");
    let found = find(&store, "after", Select::Current).await.value;
    assert_eq!(found.record, Some((version(2), record("2"))));
}
