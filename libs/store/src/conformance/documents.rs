//! Laws of documents: the ring, the manifest and what it lists, and audit heads.

use spike_core::Revision;
use tokio::time::Instant;

use super::{
    Harness, at_once, open,
    samples::{call, document, drop_policy, epochs, put, put_manifest, put_ring},
};
use crate::{
    Call, Document, DocumentDrop, DocumentPut, Documents, Epochs, Kind, Names, Result, StoreError,
    document::{MANIFEST, RING},
};

async fn all(store: &impl Documents, kind: Kind) -> Vec<Document> {
    store.load(&call(), kind, Names::All).await.expect("documents").value
}

fn conflicts(result: &Result<Epochs>, at: &str, there: Option<u64>) -> bool {
    matches!(result, Err(StoreError::DocumentConflict { name, revision })
        if name == at && *revision == there.map(Revision))
}

/// See the name.
pub async fn documents_are_compared_and_swapped<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let change = async |puts, drops| store.change(&call(), puts, drops).await;
    let put_p = |from| put(Kind::Policy, "p", from, 1);

    assert!(conflicts(&change(vec![put_p(1)], vec![]).await, "p", None));
    assert!(conflicts(&change(vec![put_p(1)], vec![drop_policy("q", 1)]).await, "p", None));
    change(vec![put_p(0)], vec![]).await.expect("nothing is there");
    change(vec![put_p(1)], vec![]).await.expect("revision 1 is there");
    assert!(conflicts(&change(vec![put_p(0)], vec![]).await, "p", Some(2)));
    assert!(conflicts(&change(vec![put_p(3)], vec![]).await, "p", Some(2)));
    assert_eq!(all(&*store, Kind::Policy).await, [document("p", 2, 1)]);

    assert!(conflicts(&change(vec![], vec![drop_policy("p", 1)]).await, "p", Some(2)));
    change(vec![], vec![drop_policy("p", 2)]).await.expect("revision 2 is there");
    assert_eq!(all(&*store, Kind::Policy).await, []);

    let late = Call { deadline: Instant::now(), ..call() };
    let refused = store.change(&late, vec![put_p(0)], vec![]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { retryable: true, .. })));
    assert_eq!(all(&*store, Kind::Policy).await, []);
}

/// See the name; nothing else moves either.
pub async fn a_manifest_moves_the_generation_and_a_ring_its_revision<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let change = async |put| store.change(&call(), vec![put], vec![]).await.expect("a change");
    assert_eq!(change(put(Kind::Policy, "p", 0, 9)).await, Epochs::NONE);
    assert_eq!(change(put(Kind::Audit, "a", 0, 9)).await, Epochs::NONE);
    assert_eq!(change(put_ring(0, 9)).await, epochs(0, 0, 1));
    assert_eq!(change(put_manifest(0, 3)).await, epochs(1, 3, 1));
    assert_eq!(change(put_manifest(1, 4)).await, epochs(2, 4, 1));
    assert_eq!(change(put_ring(1, 9)).await, epochs(2, 4, 2));
    let far = DocumentPut {
        kind: Kind::Manifest,
        expect: Some(Revision(2)),
        document: document(MANIFEST, 90, 7),
    };
    assert_eq!(change(far).await, epochs(90, 7, 2));
    assert_eq!(
        store.load(&call(), Kind::Audit, Names::All).await.expect("documents").epochs,
        epochs(90, 7, 2)
    );
}

/// See the name.
pub async fn a_policy_and_its_manifest_change_together_or_not_at_all<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let first =
        vec![put_manifest(0, 1), put(Kind::Policy, "p", 0, 1), put(Kind::Policy, "q", 0, 1)];
    assert_eq!(store.change(&call(), first, vec![]).await.expect("a change"), epochs(1, 1, 0));

    let lost_race = vec![put(Kind::Policy, "p", 1, 2), put_manifest(0, 2)];
    let refused = store.change(&call(), lost_race, vec![drop_policy("q", 1)]).await;
    assert!(conflicts(&refused, MANIFEST, Some(1)));
    let seen = store.load(&call(), Kind::Policy, Names::All).await.expect("documents");
    assert_eq!(seen.value, [document("p", 1, 1), document("q", 1, 1)]);
    assert_eq!(seen.epochs, epochs(1, 1, 0));

    let removal = vec![put_manifest(1, 2)];
    let after = store.change(&call(), removal, vec![drop_policy("q", 1)]).await;
    assert_eq!(after.expect("a change"), epochs(2, 2, 0));
    assert_eq!(all(&*store, Kind::Policy).await, [document("p", 1, 1)]);
}

/// The answer of a change got lost: sending it again is not a conflict and changes nothing.
pub async fn a_repeated_change_is_known_by_its_tags<H: Harness>(harness: &H) {
    let store = open(harness).await;
    store.change(&call(), vec![put(Kind::Policy, "q", 0, 1)], vec![]).await.expect("a change");
    let puts = || vec![put_manifest(0, 5), put(Kind::Policy, "p", 0, 6)];
    let drops = || vec![drop_policy("q", 1)];
    let change = async |guard| store.change(&Call { guard, ..call() }, puts(), drops()).await;

    let first = change(Some(Epochs::NONE)).await.expect("a change");
    // The epochs that it was decided under are gone: by this very change.
    for guard in [Some(Epochs::NONE), Some(first), None] {
        assert_eq!(change(guard).await.expect("its own change"), first);
    }
    let other = vec![put_manifest(0, 7)];
    let behind = store.change(&Call { guard: Some(Epochs::NONE), ..call() }, other, vec![]).await;
    assert!(matches!(behind, Err(StoreError::Stale { epochs }) if epochs == first), "another's");
    assert_eq!(all(&*store, Kind::Manifest).await, [document(MANIFEST, 1, 5)]);
}

/// See the name: it is another writer's.
pub async fn another_tag_at_the_same_revision_is_a_conflict<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let change = async |puts| store.change(&call(), puts, vec![]).await;
    change(vec![put_ring(0, 1)]).await.expect("a change");
    assert!(conflicts(&change(vec![put_ring(0, 2)]).await, RING, Some(1)));
    let half = vec![put_ring(0, 1), put_manifest(0, 1)];
    assert!(conflicts(&change(half).await, RING, Some(1)), "half of it is not all of it");
    assert_eq!(all(&*store, Kind::Manifest).await, []);
}

/// See the name.
pub async fn audit_documents_are_only_ever_inserted<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let change = async |puts, drops| store.change(&call(), puts, drops).await;
    change(vec![put(Kind::Audit, "r1", 0, 1)], vec![]).await.expect("an insert");
    change(vec![put(Kind::Audit, "r1", 0, 1)], vec![]).await.expect("the same insert");
    let other = change(vec![put(Kind::Audit, "r1", 0, 2)], vec![]).await;
    assert!(conflicts(&other, "r1", Some(1)));
    let changed = change(vec![put(Kind::Audit, "r1", 1, 2)], vec![]).await;
    assert!(matches!(changed, Err(StoreError::Unsupported(_))));
    let dropped = DocumentDrop { kind: Kind::Audit, ..drop_policy("r1", 1) };
    assert!(matches!(change(vec![], vec![dropped]).await, Err(StoreError::Unsupported(_))));
    assert_eq!(all(&*store, Kind::Audit).await, [document("r1", 1, 1)]);
}

/// See the name.
pub async fn kinds_do_not_share_names<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let same = [Kind::Policy, Kind::Audit].map(|kind| put(kind, RING, 0, 1));
    store.change(&call(), same.into(), vec![]).await.expect("a change");
    assert_eq!(all(&*store, Kind::Ring).await, []);
    store.change(&call(), vec![put_ring(0, 2)], vec![]).await.expect("a change");
    assert_eq!(all(&*store, Kind::Policy).await, [document(RING, 1, 1)]);
    assert_eq!(all(&*store, Kind::Ring).await, [document(RING, 1, 2)]);
}

/// See the name; missing ones are left out and repeated ones come once.
pub async fn documents_come_in_byte_order_of_their_names<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let names = ["b", "a", "B", "a-1", "a/1", "ä", "a\"b", "", "ab"];
    let puts = names.map(|name| put(Kind::Policy, name, 0, 1));
    store.change(&call(), puts.into(), vec![]).await.expect("a change");
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    let of =
        |documents: Vec<Document>| documents.into_iter().map(|document| document.name).collect();
    let loaded: Vec<String> = of(all(&*store, Kind::Policy).await);
    assert_eq!(loaded, sorted);

    let these = ["ä", "none", "a\"b", "B", "B"].map(str::to_owned).into();
    let some = store.load(&call(), Kind::Policy, Names::These(these)).await.expect("documents");
    let loaded: Vec<String> = of(some.value);
    assert_eq!(loaded, ["B", "a\"b", "ä"]);
    let none = store.load(&call(), Kind::Policy, Names::These(vec![])).await.expect("documents");
    assert_eq!(none.value, []);
}

/// See the name.
pub async fn changes_that_no_store_takes_are_refused<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let policy = || put(Kind::Policy, "p", 0, 1);
    let standing = DocumentPut { expect: Some(Revision(1)), ..policy() };
    let puts = [
        vec![put(Kind::Ring, "second", 0, 1)],
        vec![put(Kind::Manifest, "second", 0, 1)],
        vec![policy(), policy()],
        vec![standing],
    ];
    for puts in puts {
        let refused = store.change(&call(), puts, vec![]).await;
        assert!(matches!(refused, Err(StoreError::Unsupported(_))), "{refused:?}");
    }
    store
        .change(&call(), vec![put_ring(0, 1), put_manifest(0, 1)], vec![])
        .await
        .expect("a change");
    for (kind, name) in [(Kind::Ring, RING), (Kind::Manifest, MANIFEST)] {
        let drop = DocumentDrop { kind, ..drop_policy(name, 1) };
        let refused = store.change(&call(), vec![], vec![drop]).await;
        assert!(matches!(refused, Err(StoreError::Unsupported(_))), "{refused:?}");
    }
    let both = store.change(&call(), vec![policy()], vec![drop_policy("p", 1)]).await;
    assert!(matches!(both, Err(StoreError::Unsupported(_))));
}

/// Of any number of bootstraps that activate a ring with its manifest, one wins.
pub async fn racing_bootstraps_make_one_ring<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let bootstraps = (1..=16).map(|tag| {
        let store = store.clone();
        async move {
            let puts = vec![put_ring(0, tag), put_manifest(0, tag)];
            (tag, store.change(&call(), puts, vec![]).await)
        }
    });
    let outcomes = at_once(bootstraps).await;
    let winners: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).collect();
    let [(winner, _)] = winners.as_slice() else { unreachable!("{} winners", winners.len()) };
    assert_eq!(all(&*store, Kind::Ring).await, [document(RING, 1, *winner)]);
    assert_eq!(all(&*store, Kind::Manifest).await, [document(MANIFEST, 1, *winner)]);
    for (tag, outcome) in outcomes.iter().filter(|(tag, _)| tag != winner) {
        assert!(conflicts(outcome, RING, Some(1)), "{tag}: {outcome:?}");
    }
}
