//! Laws of many callers at once.

use std::{future::poll_fn, pin::pin, task::Poll};

use super::{
    Harness, Stage, at_once, open,
    samples::{all, batch, call, find, key, keyed, path, record, revision, step, version},
};
use crate::{Commit, Committed, Found, Manage, Secrets, Select, StoreError};

/// Of many writers that expect the same, exactly one wins, and all the others see what won.
pub async fn racing_writers_make_one_version<H: Harness>(harness: &H) {
    let store = open(harness).await;
    for round in 0..8 {
        let writers = (0..16).map(|number| {
            let store = store.clone();
            let puts = vec![(version(round + 1), record(number.to_string()))];
            let commit = Commit { puts, ..step("race", round) };
            async move { (number, store.commit(&call(), batch([commit])).await) }
        });
        let mut winners = vec![];
        for (number, outcome) in at_once(writers).await {
            match outcome {
                Ok(done) => {
                    assert_eq!(
                        done.value.commits.first().map(|done| done.revision.0),
                        Some(round + 1)
                    );
                    winners.push(number);
                }
                Err(StoreError::Conflict { head: Some(there), .. }) => {
                    assert_eq!(there.revision.0, round + 1);
                }
                Err(other) => unreachable!("a race is a conflict, not {other:?}"),
            }
        }
        let [winner] = winners.as_slice() else { unreachable!("{} winners", winners.len()) };
        let found = find(&*store, "race", Select::Current).await.value;
        assert_eq!(found.record, Some((version(round + 1), record(winner.to_string()))));
    }
}

/// Writers that retry after a conflict, with the head it brought, all get through.
pub async fn racing_increments_lose_none<H: Harness>(harness: &H) {
    const WRITERS: u64 = 8;
    const EACH: u64 = 10;
    let store = open(harness).await;
    let writers = (0..WRITERS).map(|_| {
        let store = store.clone();
        async move {
            let mut from = 0;
            for _ in 0..EACH {
                loop {
                    match store.commit(&call(), batch([step("count", from)])).await {
                        Ok(_) => break from += 1,
                        Err(StoreError::Conflict { head, .. }) => {
                            from = head.map_or(0, |head| head.revision.0);
                        }
                        Err(other) => unreachable!("{other:?}"),
                    }
                }
            }
        }
    });
    at_once(writers).await;
    assert_eq!(revision(&*store, "count").await, WRITERS * EACH);
}

/// Two paths that always change together are always read together.
pub async fn readers_never_see_half_a_batch<H: Harness>(harness: &H) {
    let store = open(harness).await;
    if !store.capabilities().multi_path {
        return;
    }
    let stage = Stage::default();
    let readers = (0..4).map(|_| {
        let (store, stage) = (store.clone(), stage.clone());
        async move {
            let want = [(path("left"), Select::Current), (path("right"), Select::Current)];
            while stage.is_open() {
                let found = store.read(&call(), &want).await.expect("a read").value;
                assert_eq!(found.first(), found.last());
                whole(found.first().expect("two answers"));
                let page = store.list(&call(), all()).await.expect("a page").value;
                let revisions: Vec<_> = page.heads.iter().map(|(_, head)| head.revision).collect();
                assert_eq!(revisions.first(), revisions.last());
                assert_ne!(revisions.len(), 1, "a page has both or neither");
                stage.looked().await;
            }
        }
    });
    let readers: tokio::task::JoinSet<()> = readers.collect();
    let mut from = 0;
    while stage.wants(from).await {
        let both = batch([step("left", from), step("right", from)]);
        store.commit(&call(), both).await.expect("a commit");
        from += 1;
    }
    readers.join_all().await;
}

/// See the name: no empty, no partial list, no missing record, however many ask.
pub async fn sixty_four_parallel_callers_get_whole_answers<H: Harness>(harness: &H) {
    const PATHS: usize = 50;
    let store = open(harness).await;
    let names: Vec<_> = (0..PATHS).map(|number| format!("p/{number:02}")).collect();
    for name in &names {
        store.commit(&call(), batch([step(name, 0)])).await.expect("a commit");
    }
    let want: Vec<_> = names.iter().map(|name| (path(name), Select::Current)).collect();
    let callers = (0..64).map(|_| {
        let (store, want) = (store.clone(), want.clone());
        async move {
            for _ in 0..4 {
                let page = store.list(&call(), all()).await.expect("a page").value;
                assert_eq!((page.heads.len(), page.more), (PATHS, false));
                let found = store.read(&call(), &want).await.expect("a read").value;
                assert!(found.iter().all(|found| found.record.is_some()));
            }
        }
    });
    at_once(callers).await;
}

/// A caller that goes away leaves a commit that happened once or never, and its key tells: a
/// repetition makes sure that it happened, and happened once.
pub async fn an_abandoned_commit_still_happens_once<H: Harness>(harness: &H) {
    let store = open(harness).await;
    for number in 0..20 {
        let at = format!("abandoned/{number}");
        let again = keyed([step(&at, 0)], key(number));
        {
            let call = call();
            let mut commit = pin!(store.commit(&call, again.clone()));
            poll_fn(|context| {
                let _ = commit.as_mut().poll(context);
                Poll::Ready(())
            })
            .await;
        }
        let done = store.commit(&call(), again).await.expect("never a conflict").value;
        let committed = Committed { revision: spike_core::Revision(1), current: Some(version(1)) };
        assert_eq!(done.commits, [committed]);
        whole(&find(&*store, &at, Select::Current).await.value);
    }
}

/// A head comes with the record of its revision.
fn whole(found: &Found) {
    let head = found.head.as_ref().map(|head| head.revision.0);
    let record = found.record.as_ref().map(|(version, _)| version.get());
    assert_eq!(head, record);
    if let (Some(revision), Some((_, kept))) = (head, &found.record) {
        assert_eq!(*kept, record_of(revision));
    }
}

fn record_of(revision: u64) -> crate::Sealed {
    record(revision.to_string())
}
