//! A lane: takes what waits, commits it together, and tells each caller what became of its own.

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use spike_store::{Batch, Call, Outcome, Result, Seen, StoreError, decide::Verdict};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    Answer, Job, change, check,
    commit::{self, Done},
    keys::{self, Tally},
    line::{Group, Line, Ticket},
    present::Wanted,
};
use crate::{contained, link::Link};

/// How often a group is begun anew because others were in its way. Each time somebody got through,
/// so this many in a row are a crowd, which is told to come back later.
const ATTEMPTS: u32 = 8;

/// How long a lane without a connection leaves the work to those that have one.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves the line until it is closed and empty, whatever the driver does.
///
/// Who was being served when it panicked has no answer: it happened or it didn't.
pub(super) async fn run(queue: Arc<Line>, link: Link, tally: Arc<Tally>) {
    while let Err(error) = contained(serve(&queue, &link, &tally).map(Ok)).await {
        tracing::error!("begins to write anew: {error}");
        sleep(PAUSE).await;
    }
}

async fn serve(queue: &Arc<Line>, link: &Link, tally: &Tally) {
    while let Some(deadline) = queue.work().await {
        // What can't be begun must not be claimed: whoever waits for it may still withdraw it.
        match link.ready(deadline).await {
            Ok(()) => {
                let group = queue.next();
                let lane = Lane { link, tally, deadline: group.deadline(deadline) };
                lane.serve(group).await;
            }
            Err(StoreError::Unavailable { retryable: true, .. }) if queue.is_served() => {
                sleep(PAUSE).await;
            }
            Err(error) => queue.next().refuse(&error),
        }
    }
}

/// One round of a lane.
struct Lane<'l> {
    link: &'l Link,
    tally: &'l Tally,
    /// When the most patient of its group stops waiting.
    deadline: Instant,
}

/// A batch, and who waits for it.
struct Member {
    call: Call,
    batch: Batch,
    answer: Answer<Seen<Outcome>>,
}

impl Member {
    /// A caller that stopped waiting is no reason to fail.
    fn answer(self, result: Result<Seen<Outcome>>) {
        drop(self.answer.send(result));
    }
}

impl Lane<'_> {
    async fn serve(&self, mut group: Group) {
        let mut members = Vec::new();
        for Ticket { call, job, .. } in group.take() {
            match job {
                Job::Commit(batch, answer) => members.push(Member { call, batch, answer }),
                Job::Change(puts, drops, answer) => {
                    drop(answer.send(change::change(self.link, &call, &puts, &drops).await));
                }
                Job::Sweep(answer) => drop(answer.send(keys::sweep(self.link, &call).await)),
                Job::Check(answer) => drop(answer.send(check::check(self.link, &call).await)),
            }
        }
        self.make_room(&members).await;
        self.commit(members).await;
    }

    /// Has old keys give way to those that these batches bring.
    async fn make_room(&self, members: &[Member]) {
        let keyed = members.iter().filter(|member| member.batch.key.is_some());
        for caller in self.tally.count(keyed.map(|member| member.call.caller)) {
            // The next time will do.
            if let Err(error) = keys::trim(self.link, self.deadline, caller).await {
                tracing::debug!("old write keys stay for now: {error}");
            }
        }
    }

    async fn commit(&self, mut members: Vec<Member>) {
        for _ in 0..ATTEMPTS {
            if members.is_empty() {
                return;
            }
            members = self.attempt(members).await;
        }
        for member in members {
            member.answer(Err(StoreError::busy("others keep changing what this write touches")));
        }
    }

    /// Commits what can be, and answers all but those for whom another attempt makes sense.
    async fn attempt(&self, members: Vec<Member>) -> Vec<Member> {
        let group: Vec<_> = members.iter().map(|member| (&member.call, &member.batch)).collect();
        let done = match self.write(&group).await {
            Ok(done) => done,
            Err(error) if is_race(&error) => return members,
            Err(error) if members.len() > 1 && sqlstate(&error).is_some() => {
                return self.one_by_one(members).await;
            }
            Err(error) => return refuse(members, &error),
        };
        let mut rest = Vec::new();
        for (place, member) in members.into_iter().enumerate() {
            match done.outcome(place, &member.batch) {
                Some(seen) => member.answer(Ok(seen)),
                None => rest.push(member),
            }
        }
        if rest.is_empty() { rest } else { self.explain(rest).await }
    }

    async fn write(&self, group: &[(&Call, &Batch)]) -> Result<Done> {
        let mut lent = self.link.writer(self.deadline).await?;
        if let [(call, batch)] = group
            && batch.commits.len() > 1
        {
            return commit::whole(lent, call, batch).await;
        }
        let row = timeout_at(self.deadline, commit::commit(&mut lent, group)).await;
        Done::of(lent.committed(row)?.as_ref())
    }

    /// What the server refuses in a group is the fault of one in it, and no harm to the others.
    async fn one_by_one(&self, members: Vec<Member>) -> Vec<Member> {
        for member in members {
            Box::pin(self.commit(vec![member])).await;
        }
        Vec::new()
    }

    /// Tells those whose batch didn't happen why. Returns those for whom there is no reason any more.
    async fn explain(&self, members: Vec<Member>) -> Vec<Member> {
        let wanted = Wanted::of(members.iter().map(|member| &member.batch));
        let present = match wanted.present(self.link, self.deadline).await {
            Ok(present) => present,
            Err(error) => return refuse(members, &error),
        };
        let mut again = Vec::new();
        for member in members {
            match present.decide(&member.call, &member.batch) {
                Ok(Verdict::Write) => again.push(member),
                Ok(Verdict::Replay(commits)) => {
                    let value = Outcome { commits, replayed: true };
                    member.answer(Ok(Seen { epochs: present.epochs, value }));
                }
                Err(refused) => member.answer(Err(refused)),
            }
        }
        again
    }
}

fn refuse(members: Vec<Member>, error: &StoreError) -> Vec<Member> {
    for member in members {
        member.answer(Err(error.clone()));
    }
    Vec::new()
}

/// True if others were in the way of a statement that did nothing: a key that came after its snapshot
/// (`unique_violation`), or what the order of locks should rule out.
fn is_race(error: &StoreError) -> bool {
    matches!(sqlstate(error).as_deref(), Some("23505" | "40001" | "40P01"))
}

/// What the server called its refusal, of a statement that did nothing.
fn sqlstate(error: &StoreError) -> Option<String> {
    let StoreError::Unavailable { cause: Some(cause), .. } = error else { return None };
    let database = cause.downcast_ref::<sqlx::Error>()?.as_database_error()?;
    database.code().map(std::borrow::Cow::into_owned)
}
