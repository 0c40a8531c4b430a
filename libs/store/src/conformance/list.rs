//! Laws of the list.

use tokio::task::JoinSet;

use super::{
    Harness, Stage, open,
    samples::{all, batch, call, head, path, step},
};
use crate::{Commit, Listed, Page, Secrets, secrets::MAX_PAGE};

async fn fill(store: &impl Secrets, paths: &[impl AsRef<str>]) {
    for at in paths {
        store.commit(&call(), batch([step(at.as_ref(), 0)])).await.expect("a commit");
    }
}

async fn list(store: &impl Secrets, prefix: &str, after: Option<&str>, limit: u32) -> Listed {
    let page = Page { prefix: prefix.to_owned(), after: after.map(path), limit };
    store.list(&call(), page).await.expect("a page").value
}

fn paths(listed: &Listed) -> Vec<&str> {
    listed.heads.iter().map(|(path, _)| path.as_str()).collect()
}

/// See the name.
pub async fn an_empty_store_lists_nothing<H: Harness>(harness: &H) {
    let store = open(harness).await;
    assert_eq!(list(&*store, "", None, 10).await, Listed::default());
    assert_eq!(list(&*store, "a", Some("b"), 10).await, Listed::default());
}

/// See the name; each with its head.
pub async fn paths_come_in_byte_order<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let mut names =
        ["b", "a", "B", "a/b", "a.b", "a-b", "a|b", "}", "Z", "_", "0"].map(str::to_owned);
    fill(&*store, &names).await;
    names.sort_unstable();
    let listed = list(&*store, "", None, 100).await;
    assert_eq!(paths(&listed), names);
    assert!(listed.heads.iter().all(|(_, there)| *there == head(1, Some(1))));
}

/// No wildcard, no folding of case, no segments.
pub async fn a_prefix_is_compared_byte_for_byte<H: Harness>(harness: &H) {
    let store = open(harness).await;
    fill(&*store, &["a", "a*", "a/1", "a/2", "a_1", "ab", "A/1", "b", "[a", "}"]).await;
    let expected: [(&str, &[&str]); 8] = [
        ("a/", &["a/1", "a/2"]),
        ("a", &["a", "a*", "a/1", "a/2", "a_1", "ab"]),
        ("a*", &["a*"]),
        ("a_", &["a_1"]),
        ("A", &["A/1"]),
        ("[", &["[a"]),
        ("%", &[]),
        ("}", &["}"]),
    ];
    for (prefix, expected) in expected {
        assert_eq!(paths(&list(&*store, prefix, None, 100).await), expected, "{prefix}");
    }
}

/// Exclusive, whether the start is there or not, and wherever it lies.
pub async fn a_page_begins_behind_its_start<H: Harness>(harness: &H) {
    let store = open(harness).await;
    fill(&*store, &["a", "b/1", "b/2", "b/3", "c"]).await;
    let expected: [(&str, &str, &[&str]); 6] = [
        ("", "b/1", &["b/2", "b/3", "c"]),
        ("", "b/10", &["b/2", "b/3", "c"]),
        ("b/", "a", &["b/1", "b/2", "b/3"]),
        ("b/", "b/2", &["b/3"]),
        ("b/", "c", &[]),
        ("", "c", &[]),
    ];
    for (prefix, after, expected) in expected {
        let listed = list(&*store, prefix, Some(after), 100).await;
        assert_eq!(paths(&listed), expected, "{prefix} after {after}");
        assert!(!listed.more);
    }
}

/// See the name; `more` is exact.
pub async fn pages_join_without_gap_or_repetition<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let names: Vec<_> = (0..12).map(|number| format!("p/{number:02}")).collect();
    fill(&*store, &names).await;
    fill(&*store, &["o", "q"]).await;
    for limit in [1, 3, 5, 11, 12, 13] {
        let (mut seen, mut after) = (Vec::new(), None::<String>);
        loop {
            let listed = list(&*store, "p/", after.as_deref(), limit).await;
            assert!(listed.heads.len() <= limit as usize);
            seen.extend(paths(&listed).into_iter().map(str::to_owned));
            after = seen.last().cloned();
            assert_eq!(listed.more, seen.len() < names.len());
            if !listed.more {
                break;
            }
        }
        assert_eq!(seen, names, "pages of {limit}");
    }
    assert_eq!(paths(&list(&*store, "p/", None, 0).await), ["p/00"], "at least one");
}

/// A limit can't make an answer that fills the memory.
pub async fn no_page_is_longer_than_the_longest<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let names: Vec<_> = (0..=MAX_PAGE).map(|number| format!("{number:05}")).collect();
    let mut fillers = JoinSet::new();
    for part in names.chunks(100) {
        let (store, part) = (store.clone(), part.to_vec());
        fillers.spawn(async move { fill(&*store, &part).await });
    }
    fillers.join_all().await;
    let listed = list(&*store, "", None, u32::MAX).await;
    assert_eq!((listed.heads.len(), listed.more), (MAX_PAGE as usize, true));
}

/// A store doesn't know what a tombstone is: its head is a row like any other.
pub async fn tombstones_are_listed<H: Harness>(harness: &H) {
    let store = open(harness).await;
    fill(&*store, &["a"]).await;
    let drops = vec![super::samples::version(1)];
    let destroyed = Commit { head: head(2, None), puts: vec![], drops, ..step("a", 1) };
    store.commit(&call(), batch([destroyed])).await.expect("a commit");
    let page = store.list(&call(), all()).await.expect("a page").value;
    assert_eq!(page.heads, [(path("a"), head(2, None))]);
}

/// What was there before a walk through the pages began is found by it, once and in order, while
/// other paths come and heads change.
pub async fn pages_are_complete_while_others_write<H: Harness>(harness: &H) {
    let store = open(harness).await;
    let old: Vec<_> = (0..40).map(|number| format!("{number:02}/old")).collect();
    fill(&*store, &old).await;
    let stage = Stage::default();
    let walkers: JoinSet<()> = (0..4)
        .map(|_| {
            let (store, stage, old) = (store.clone(), stage.clone(), old.clone());
            async move {
                while stage.is_open() {
                    let (mut seen, mut after) = (Vec::new(), None::<String>);
                    loop {
                        let listed = list(&*store, "", after.as_deref(), 7).await;
                        seen.extend(paths(&listed).into_iter().map(str::to_owned));
                        after = seen.last().cloned();
                        if !listed.more {
                            break;
                        }
                    }
                    assert!(seen.is_sorted_by(|one, next| one < next));
                    assert!(old.iter().all(|name| seen.contains(name)), "one is missing: {seen:?}");
                    stage.looked().await;
                }
            }
        })
        .collect();
    let mut change = 0;
    while stage.wants(change).await {
        let number = change % 40;
        fill(&*store, &[format!("{number:02}/new/{change}")]).await;
        let again = step(&format!("{number:02}/old"), change / 40 + 1);
        store.commit(&call(), batch([again])).await.expect("a commit");
        change += 1;
    }
    walkers.join_all().await;
}
