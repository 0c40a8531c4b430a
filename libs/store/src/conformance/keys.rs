//! Laws of write keys: a repeated write happens once.

use jiff::SignedDuration;

use super::{
    Harness, at_once, open,
    samples::{
        TODAY, batch, call, epochs, find, guarded, key, keyed, put_manifest, revision, step,
    },
};
use crate::{
    Call, CallerHash, Documents, Epochs, Manage, Secrets, Select, StoreError,
    WRITE_KEYS_PER_CALLER, WriteKey,
};

/// The outcome is the first one, whatever has happened to the path since.
pub async fn a_repeated_key_returns_the_first_outcome<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let write = keyed([step("a", 0)], key(1));
    let first = store.commit(&call(), write.clone()).await.expect("a commit").value;
    assert!(!first.replayed);
    store.commit(&call(), batch([step("a", 1)])).await.expect("a commit");

    let again = store.commit(&call(), write).await.expect("a repetition is no conflict").value;
    assert!(again.replayed);
    assert_eq!(again.commits, first.commits);
    assert_eq!(revision(&*store, "a").await, 2, "nothing happened again");
}

/// See the name.
pub async fn a_key_is_refused_for_another_request<H: Harness>(harness: &H) {
    let store = open(harness).await;
    store.commit(&call(), keyed([step("a", 0)], key(1))).await.expect("a commit");
    let other = WriteKey { digest: [8; 32], ..key(1) };
    let refused = store.commit(&call(), keyed([step("b", 0)], other)).await;
    assert!(matches!(refused, Err(StoreError::KeyReused)));
    assert_eq!(revision(&*store, "b").await, 0);
}

/// The key is used up in the transaction of the batch or not at all.
pub async fn a_refused_batch_leaves_its_key_unused<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let early = keyed([step("a", 1)], key(1));
    let refused = store.commit(&call(), early.clone()).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })));
    store.commit(&call(), batch([step("a", 0)])).await.expect("a commit");
    assert!(!store.commit(&call(), early).await.expect("a commit").value.replayed);
    assert_eq!(revision(&*store, "a").await, 2);
}

/// See the name: each refusal hides those behind it.
pub async fn guard_then_key_then_revision<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let write = keyed([step("a", 0)], key(1));
    store.commit(&guarded(Epochs::NONE), write.clone()).await.expect("a commit");
    store.change(&call(), vec![put_manifest(0, 5)], vec![]).await.expect("a change");
    let other = keyed([step("a", 0)], WriteKey { digest: [8; 32], ..key(1) });

    let stale = guarded(Epochs::NONE);
    for batch in [write.clone(), other.clone()] {
        let refused = store.commit(&stale, batch).await;
        assert!(matches!(refused, Err(StoreError::Stale { .. })), "{refused:?}");
    }
    let fresh = guarded(epochs(1, 5, 0));
    assert!(store.commit(&fresh, write).await.expect("a repetition").value.replayed);
    let refused = store.commit(&fresh, other).await;
    assert!(matches!(refused, Err(StoreError::KeyReused)), "not a conflict: {refused:?}");
}

/// See the name.
pub async fn racing_repetitions_happen_once<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let repetitions = (0..16).map(|_| {
        let store = store.clone();
        async move { store.commit(&call(), keyed([step("a", 0)], key(1))).await }
    });
    let outcomes = at_once(repetitions).await;
    let firsts = outcomes
        .iter()
        .filter(|outcome| !outcome.as_ref().expect("a repetition is no conflict").value.replayed);
    assert_eq!(firsts.count(), 1);
    assert_eq!(
        find(&*store, "a", Select::Head).await.value.head.map(|head| head.revision.0),
        Some(1)
    );
}

/// One caller's keys are bounded, and cost no other caller anything.
pub async fn the_oldest_keys_of_a_caller_give_way<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let other = Call { caller: CallerHash([2; 32]), ..call() };
    let only_key = |number: u32| keyed([], key(number.into()));
    let of_other = keyed([], key(1 << 40));
    store.commit(&other, of_other.clone()).await.expect("a commit");

    store.commit(&call(), only_key(0)).await.expect("a commit");
    let rest: Vec<u32> = (1..WRITE_KEYS_PER_CALLER).collect();
    at_once(rest.chunks(WRITE_KEYS_PER_CALLER as usize / 64).map(|part| {
        let (store, part) = (store.clone(), part.to_vec());
        async move {
            for number in part {
                store.commit(&call(), only_key(number)).await.expect("a commit");
            }
        }
    }))
    .await;
    // Of those at once, any may have been the oldest by now.
    store.commit(&call(), only_key(WRITE_KEYS_PER_CALLER)).await.expect("a commit");

    let replayed =
        async |call: &Call, batch| store.commit(call, batch).await.map(|done| done.value.replayed);
    assert!(replayed(&call(), only_key(WRITE_KEYS_PER_CALLER)).await.expect("a repetition"));
    assert!(replayed(&other, of_other).await.expect("a repetition"), "another caller's stays");
    assert!(!replayed(&call(), only_key(0)).await.expect("a commit"), "the oldest was forgotten");
}

/// See the name.
pub async fn keys_are_kept_for_a_day_and_then_swept<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let write = keyed([], key(1));
    let replayed =
        async || store.commit(&call(), write.clone()).await.map(|done| done.value.replayed);
    assert!(!replayed().await.expect("a commit"));

    let after = |minutes| Call { at: TODAY + SignedDuration::from_mins(minutes), ..call() };
    assert_eq!(store.sweep(&after(24 * 60 - 1)).await.expect("a sweep"), 0);
    assert!(replayed().await.expect("a repetition"));
    assert_eq!(store.sweep(&after(24 * 60 + 1)).await.expect("a sweep"), 1);
    assert!(!replayed().await.expect("a commit"), "forgotten");
}
