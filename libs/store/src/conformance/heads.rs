//! Laws of a single caller: what is committed is what is read.

use bytes::Bytes;
use spike_core::Revision;
use tokio::time::Instant;

use super::{
    Harness, open,
    samples::{all, batch, call, find, head, key, keyed, path, record, revision, step, version},
};
use crate::{
    Call, Commit, Found, Manage, Page, Sealed, Secrets, Select, StoreError, rules::MAX_NUMBER,
};

/// See the name.
pub async fn a_missing_path_has_neither_head_nor_record<H: Harness>(harness: &H) {
    let store = open(harness).await;
    for select in [Select::Head, Select::Current, Select::Version(version(1))] {
        assert_eq!(find(&*store, "nobody/here", select).await.value, Found::default());
    }
}

/// See the name.
pub async fn an_empty_want_reads_the_epochs<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let seen = store.read(&call(), &[]).await.expect("a read");
    assert_eq!(seen.value, vec![]);
    assert_eq!(seen.epochs, find(&*store, "any", Select::Head).await.epochs);
}

/// See the name.
pub async fn the_selection_decides_which_record_comes_along<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let puts = (1..=3).map(|number| (version(number), record(format!("v{number}")))).collect();
    let first = Commit { head: head(1, Some(2)), puts, ..step("a", 0) };
    store.commit(&call(), batch([first])).await.expect("a commit");

    let found = |number: u64| Some((version(number), record(format!("v{number}"))));
    let expected = [
        (Select::Head, None),
        (Select::Current, found(2)),
        (Select::Version(version(1)), found(1)),
        (Select::Version(version(3)), found(3)),
        (Select::Version(version(4)), None),
        (Select::Version(version(u64::MAX)), None),
    ];
    for (select, record) in expected {
        let seen = find(&*store, "a", select).await.value;
        assert_eq!(seen, Found { head: Some(head(1, Some(2))), record }, "{select:?}");
    }

    let nothing_current = Commit { head: head(2, None), puts: vec![], ..step("a", 1) };
    store.commit(&call(), batch([nothing_current])).await.expect("a commit");
    let seen = find(&*store, "a", Select::Current).await.value;
    assert_eq!(seen, Found { head: Some(head(2, None)), record: None });
}

/// See the name.
pub async fn answers_come_in_the_order_asked_for<H: Harness>(harness: &H) {
    let store = open(harness).await;
    store.commit(&call(), batch([step("a", 0), step("b", 0)])).await.expect("a commit");
    let want = [
        (path("b"), Select::Head),
        (path("none"), Select::Current),
        (path("a"), Select::Current),
        (path("b"), Select::Current),
        (path("a"), Select::Current),
    ];
    let found = store.read(&call(), &want).await.expect("a read").value;
    let of = |found: &Found| (found.head.is_some(), found.record.is_some());
    let shape: Vec<_> = found.iter().map(of).collect();
    assert_eq!(
        shape,
        [(true, false), (false, false), (true, true), (true, true), (true, true)],
        "one answer for each question, repeated ones too"
    );
}

/// See the name.
pub async fn paths_differ_byte_for_byte<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let paths = ["a", "A", "a/", "a//", "/a", "a.", "a\\", "[0]", "{}", "a*", "a?", "a|b", "(a)"];
    for (index, at) in (1..).zip(paths) {
        let text = record(index.to_string());
        let commit = Commit { puts: vec![(version(1), text)], ..step(at, 0) };
        store.commit(&call(), batch([commit])).await.expect("another path is another head");
    }
    for (index, at) in (1..).zip(paths) {
        let found = find(&*store, at, Select::Current).await.value;
        assert_eq!(found.record, Some((version(1), record(index.to_string()))), "{at}");
    }
}

/// See the name.
pub async fn a_put_replaces_the_record_that_is_there<H: Harness>(harness: &H) {
    let store = open(harness).await;
    store.commit(&call(), batch([step("a", 0)])).await.expect("a commit");
    let puts = vec![(version(1), record("under another key"))];
    let again = Commit { head: head(2, Some(1)), puts, ..step("a", 1) };
    store.commit(&call(), batch([again])).await.expect("a commit");
    let found = find(&*store, "a", Select::Current).await.value;
    assert_eq!(found.record, Some((version(1), record("under another key"))));
}

/// See the name.
pub async fn missing_records_can_be_dropped<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let drops = vec![version(1), version(8), version(u64::MAX)];
    store.commit(&call(), batch([step("a", 0)])).await.expect("a commit");
    let commit = Commit { drops, ..step("a", 1) };
    store.commit(&call(), batch([commit])).await.expect("a commit");
    assert_eq!(find(&*store, "a", Select::Version(version(1))).await.value.record, None);
    assert!(find(&*store, "a", Select::Current).await.value.record.is_some());
}

/// See the name.
pub async fn a_version_both_dropped_and_put_is_there<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let commit = Commit { drops: vec![version(1)], ..step("a", 0) };
    store.commit(&call(), batch([commit])).await.expect("a commit");
    assert!(find(&*store, "a", Select::Current).await.value.record.is_some());
}

/// See the name.
pub async fn records_of_any_size_come_back_whole<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let pattern: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    let puts = vec![
        (version(1), Sealed(Bytes::new())),
        (version(2), Sealed(Bytes::from(vec![0]))),
        (version(3), Sealed(pattern.into())),
    ];
    let mut large_head = head(1, Some(3));
    large_head.bytes = Bytes::from(vec![0xA5; 64 << 10]);
    let commit = Commit { head: large_head.clone(), puts: puts.clone(), ..step("a", 0) };
    store.commit(&call(), batch([commit])).await.expect("a commit");
    for (number, record) in puts {
        let found = find(&*store, "a", Select::Version(number)).await.value;
        assert_eq!(found.head.as_ref(), Some(&large_head));
        assert!(found.record == Some((number, record)), "version {number} differs");
    }
}

/// See the name.
pub async fn the_expected_revision_must_be_there_exactly<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let expecting = |expect: Option<u64>| {
        let to = expect.unwrap_or(0) + 1;
        Commit { expect: expect.map(Revision), head: head(to, None), puts: vec![], ..step("a", 0) }
    };
    for expect in [Some(0), Some(1), Some(7)] {
        let refused = store.commit(&call(), batch([expecting(expect)])).await;
        assert!(matches!(refused, Err(StoreError::Conflict { head: None, .. })), "{expect:?}");
    }
    store.commit(&call(), batch([expecting(None)])).await.expect("nothing is there");
    for expect in [None, Some(0), Some(2)] {
        let refused = store.commit(&call(), batch([expecting(expect)])).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{expect:?}");
    }
    let far = Commit { head: head(40, None), ..expecting(Some(1)) };
    store.commit(&call(), batch([far])).await.expect("revision 1 is there");
    assert_eq!(revision(&*store, "a").await, 40, "the new revision is the head's own");
}

/// See the name.
pub async fn a_conflict_brings_the_present_head<H: Harness>(harness: &H) {
    let store = open(harness).await;
    store.commit(&call(), batch([step("a", 0)])).await.expect("a commit");
    match store.commit(&call(), batch([step("new", 0), step("a", 0)])).await {
        Err(StoreError::Conflict { path: at, head: Some(there) }) => {
            assert_eq!((at, *there), (path("a"), head(1, Some(1))));
        }
        other => unreachable!("a conflict, not {other:?}"),
    }
}

/// See the name.
pub async fn a_batch_happens_whole_or_not_at_all<H: Harness>(harness: &H) {
    let store = open(harness).await;
    if !store.capabilities().multi_path {
        let refused = store.commit(&call(), batch([step("a", 0), step("b", 0)])).await;
        assert!(matches!(refused, Err(StoreError::Unsupported(_))));
        return;
    }
    store.commit(&call(), batch([step("b", 0)])).await.expect("a commit");
    let late_conflict = batch([step("a", 0), Commit { drops: vec![version(1)], ..step("b", 0) }]);
    assert!(store.commit(&call(), late_conflict).await.is_err());
    assert_eq!(find(&*store, "a", Select::Version(version(1))).await.value, Found::default());
    assert!(find(&*store, "b", Select::Version(version(1))).await.value.record.is_some());

    let done = store.commit(&call(), batch([step("a", 0), step("b", 1)])).await.expect("a commit");
    let revisions: Vec<_> = done.value.commits.iter().map(|done| done.revision.0).collect();
    assert_eq!(revisions, [1, 2], "in the order of the commits");
    assert_eq!((revision(&*store, "a").await, revision(&*store, "b").await), (1, 2));
}

/// See the name.
pub async fn what_no_store_takes_is_refused<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let too_far = Commit { head: head(MAX_NUMBER + 1, None), ..step("a", 0) };
    let too_high = Commit { puts: vec![(version(MAX_NUMBER + 1), record(""))], ..step("a", 0) };
    let standing = Commit { expect: Some(Revision(1)), ..step("a", 0) };
    let refused = [vec![step("a", 0), step("a", 1)], vec![too_far], vec![too_high], vec![standing]];
    for commits in refused {
        let result = store.commit(&call(), keyed(commits, key(1))).await;
        assert!(matches!(result, Err(StoreError::Unsupported(_))), "{result:?}");
    }
    assert_eq!(revision(&*store, "a").await, 0);
    let done = store.commit(&call(), keyed([step("a", 0)], key(1))).await.expect("a commit");
    assert!(!done.value.replayed, "a refusal uses up no key");
}

/// See the name.
pub async fn a_call_after_its_deadline_changes_nothing<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let late = Call { deadline: Instant::now(), ..call() };
    let unavailable =
        |error| matches!(error, Some(StoreError::Unavailable { retryable: true, .. }));
    assert!(unavailable(store.commit(&late, batch([step("a", 0)])).await.err()));
    assert!(unavailable(store.read(&late, &[(path("a"), Select::Head)]).await.err()));
    assert!(unavailable(store.list(&late, all()).await.err()));
    assert_eq!(revision(&*store, "a").await, 0);
    let page = Page { limit: 1, ..all() };
    assert_eq!(store.list(&call(), page).await.expect("a page").value.heads, vec![]);
}
