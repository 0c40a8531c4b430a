use std::time::Duration;

use bytes::Bytes;
use spike_store::{
    Commit, Sealed,
    conformance::samples::{batch, call, epochs, guarded, key, keyed, put, step, version},
};
use tokio::{sync::oneshot, time::timeout};

use super::*;
use crate::writer::Answer;

fn line() -> Arc<Line> {
    Arc::new(Line::default())
}

/// A ticket that somebody waits for, and who could withdraw it.
fn ticket(job: Job) -> (Ticket, Claim) {
    let claim = Claim::default();
    (Ticket::new(call(), job, claim.clone()), claim)
}

fn nobody<T>() -> Answer<T> {
    oneshot::channel().0
}

fn commit(commits: impl IntoIterator<Item = Commit>) -> Job {
    Job::Commit(batch(commits), nobody())
}

fn change() -> Job {
    Job::Change(vec![put(spike_store::Kind::Policy, "p", 0, 1)], vec![], nobody())
}

async fn join(line: &Arc<Line>, jobs: impl IntoIterator<Item = Job>) {
    for job in jobs {
        line.join(ticket(job).0).await.unwrap();
    }
}

/// The paths of the next group; a change of documents counts as `!`.
fn next(line: &Arc<Line>) -> (Group, String) {
    let group = line.next();
    let name = |ticket: &Ticket| match &ticket.job {
        Job::Commit(batch, _) => {
            batch.commits.iter().map(|commit| commit.path.as_str().to_owned()).collect()
        }
        _ => "!".to_owned(),
    };
    let names = group.tickets.iter().map(name).collect::<Vec<_>>().join(" ");
    (group, names)
}

#[tokio::test]
async fn what_waits_goes_together() {
    let line = line();
    join(&line, ["a", "b", "c"].map(|at| commit([step(at, 0)]))).await;
    assert_eq!(next(&line).1, "a b c");
    assert_eq!(next(&line).1, "");
}

#[tokio::test]
async fn a_path_is_in_one_lane_at_a_time_and_its_writes_keep_their_order() {
    let line = line();
    join(&line, ["a", "b", "a"].map(|at| commit([step(at, 0)]))).await;
    join(&line, [Job::Commit(keyed([step("c", 0)], key(1)), nobody())]).await;
    let (first, names) = next(&line);
    assert_eq!(names, "a b c");
    join(&line, [commit([step("d", 0)])]).await;
    join(&line, [Job::Commit(keyed([step("e", 0)], key(1)), nobody())]).await;
    assert_eq!(next(&line).1, "d", "the second a and the second use of a key wait");
    drop(first);
    assert_eq!(next(&line).1, "a e");
}

#[tokio::test]
async fn several_paths_and_documents_go_alone_and_are_not_overtaken() {
    let line = line();
    let both = || commit([step("x", 0), step("y", 0)]);
    join(&line, [commit([step("a", 0)]), both(), commit([step("b", 0)]), change()]).await;
    join(&line, [commit([step("c", 0)])]).await;
    let mut lanes = Vec::new();
    for expected in ["a", "xy", "b", "!", "c", ""] {
        let (group, names) = next(&line);
        assert_eq!(names, expected);
        lanes.push(group);
    }
}

#[tokio::test]
async fn only_those_that_were_decided_by_the_same_epochs_go_together() {
    let line = line();
    for (at, guard) in [("a", 1), ("b", 2), ("c", 1)] {
        let call = guarded(epochs(guard, 1, 1));
        let ticket = Ticket::new(call, commit([step(at, 0)]), Claim::default());
        line.join(ticket).await.unwrap();
    }
    assert_eq!((next(&line).1, next(&line).1), ("a c".into(), "b".into()));
}

#[tokio::test]
async fn what_was_withdrawn_is_left_out_and_what_was_begun_can_not_be() {
    let line = line();
    let (withdrawn, claim) = ticket(commit([step("a", 0)]));
    line.join(withdrawn).await.unwrap();
    assert!(claim.take());
    let (begun, claim) = ticket(commit([step("b", 0)]));
    line.join(begun).await.unwrap();
    assert_eq!(next(&line).1, "b");
    assert!(!claim.take());
}

#[tokio::test]
async fn a_group_is_bounded_in_number_and_in_bytes() {
    let line = line();
    join(&line, (0..GROUP + 10).map(|number| commit([step(&format!("n/{number}"), 0)]))).await;
    let first = line.next();
    assert_eq!((first.tickets.len(), line.next().tickets.len()), (GROUP, 10));

    let half = |at: &str| {
        let puts = vec![(version(1), Sealed(Bytes::from(vec![0; GROUP_BYTES / 2])))];
        commit([Commit { puts, ..step(at, 0) }])
    };
    join(&line, ["a", "b", "c", "d", "e"].map(half)).await;
    assert_eq!(next(&line).1, "a b");
}

#[tokio::test]
async fn the_line_is_bounded_and_a_place_is_free_when_its_write_was_taken() {
    let line = line();
    join(&line, (0..PLACES).map(|number| commit([step(&format!("n/{number}"), 0)]))).await;
    let mut last = Box::pin(line.join(ticket(commit([step("last", 0)])).0));
    assert!(timeout(Duration::from_millis(20), &mut last).await.is_err(), "it waits");
    drop(line.next());
    last.await.unwrap();
}

#[tokio::test]
async fn a_closed_line_is_emptied_and_takes_nothing_more() {
    let line = line();
    join(&line, [commit([step("a", 0)])]).await;
    line.close();
    let refused = line.join(ticket(commit([step("b", 0)])).0).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { retryable: false, .. })));
    assert!(line.work().await.is_some());
    let group = line.next();
    let ends = tokio::time::timeout(Duration::from_secs(10), line.work());
    drop(group);
    assert!(ends.await.expect("at once").is_none());
}

#[tokio::test]
async fn work_that_another_lane_holds_up_is_no_work() {
    let line = line();
    join(&line, ["a", "a"].map(|at| commit([step(at, 0)]))).await;
    let first = line.next();
    assert!(timeout(Duration::from_millis(20), line.work()).await.is_err());
    let (work, ()) = tokio::join!(timeout(Duration::from_secs(10), line.work()), async {
        drop(first);
    });
    assert!(work.expect("the bell rang").is_some());
}

#[tokio::test]
async fn nor_is_what_waits_behind_one_that_keeps_to_itself_and_is_held_up() {
    let line = line();
    join(&line, [commit([step("a", 0)])]).await;
    let first = line.next();
    join(&line, [commit([step("a", 1), step("y", 0)]), commit([step("b", 0)])]).await;
    assert!(timeout(Duration::from_millis(20), line.work()).await.is_err(), "nothing to take");
    drop(first);
    assert!(line.work().await.is_some());
    assert_eq!(next(&line).1, "ay");
}

/// Otherwise a lane would look for a connection by a deadline that has passed, and refuse everyone.
#[tokio::test]
async fn the_hurry_of_one_is_not_that_of_all_and_who_has_left_is_let_go() {
    let line = line();
    let (hurried, claim) = ticket(commit([step("a", 0)]));
    let soon = Call { deadline: Instant::now() + Duration::from_millis(1), ..call() };
    line.join(Ticket { call: soon, ..hurried }).await.unwrap();
    let (patient, _) = ticket(commit([step("b", 0)]));
    let deadline = patient.call.deadline;
    line.join(patient).await.unwrap();
    assert_eq!(line.work().await, Some(deadline));
    assert!(claim.take(), "its time is over");
    assert_eq!(line.work().await, Some(deadline));
    assert_eq!(line.waiting().tickets.len(), 1);
}
