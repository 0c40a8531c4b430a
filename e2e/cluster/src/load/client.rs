//! One client: puts, gets, and compares what it gets with what it was told.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use spike_client::NexusClient;
use spike_core::{InvalidPath, SecretPath};
use spike_e2e::{
    history::{Op, Outcome},
    load::ask,
};
use tokio::time::{Instant, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{LOAD, Report};

/// Each client has these to itself: what it was told last is what it must find.
const PATHS: usize = 4;

/// How long a client waits between two requests. It leaves the machine to those who are asked.
const PACE: Duration = Duration::from_millis(100);

/// How long a request is repeated, and how soon. SPIKE's own SDK goes on for 20 minutes.
const PATIENCE: Duration = Duration::from_mins(1);
const AFTER_FAILURE: Duration = Duration::from_millis(250);

/// What all clients were told, for whoever asks.
#[derive(Default)]
pub(super) struct Told {
    report: Mutex<Report>,
    ended: Mutex<Vec<Client>>,
    pub(super) stop: CancellationToken,
    pub(super) clients: TaskTracker,
}

/// A client with connections and paths of its own.
pub(super) struct Client {
    nexus: NexusClient,
    told: Arc<Told>,
    paths: Vec<Kept>,
    /// No two writes have the same.
    body: u64,
}

/// A path that one client alone writes.
struct Kept {
    path: SecretPath,
    /// The last write that was acknowledged, or 0.
    acknowledged: u64,
    /// Writes of which nobody knows whether they happened, or will.
    unknown: Vec<u64>,
}

impl Told {
    pub(super) fn report(&self) -> MutexGuard<'_, Report> {
        // Counts and words: nothing is ever half done.
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self) -> MutexGuard<'_, Vec<Client>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets what is in flight end.
    pub(super) async fn end(&self) -> Report {
        self.stop.cancel();
        self.clients.close();
        self.clients.wait().await;
        self.report().clone()
    }

    /// Reads every path of the clients that ended; what isn't as they were told.
    pub(super) async fn check(&self) -> Vec<String> {
        let clients = std::mem::take(&mut *self.ended());
        let mut broken = Vec::new();
        for client in &clients {
            for kept in &client.paths {
                broken.extend(kept.complaint(&ask(&client.nexus, &kept.path, Op::Get).await));
            }
        }
        self.ended().extend(clients);
        broken
    }
}

impl Client {
    pub(super) fn new(
        number: usize,
        nexus: NexusClient,
        told: &Arc<Told>,
    ) -> Result<Self, InvalidPath> {
        let paths = (0..PATHS).map(|path| format!("{LOAD}/{number}/{path}").parse());
        let kept = |path| Kept { path, acknowledged: 0, unknown: Vec::new() };
        let paths = paths.map(|path| path.map(kept)).collect::<Result<_, _>>()?;
        Ok(Self { nexus, told: told.clone(), paths, body: 0 })
    }

    /// Works until it is told to stop.
    pub(super) async fn run(mut self) {
        let told = self.told.clone();
        while !told.stop.is_cancelled() {
            for at in 0..PATHS {
                self.put(at).await;
                self.get(at).await;
            }
        }
        told.ended().push(self);
    }

    async fn put(&mut self, at: usize) {
        self.body += 1;
        let body = self.body;
        let Some(kept) = self.paths.get(at) else { return };
        let outcome = self.ask(&kept.path, Op::Put(body)).await;
        let Some(kept) = self.paths.get_mut(at) else { return };
        match outcome {
            Outcome::Done => kept.acknowledged = body,
            _ => kept.unknown.push(body),
        }
    }

    async fn get(&self, at: usize) {
        let Some(kept) = self.paths.get(at) else { return };
        let outcome = self.ask(&kept.path, Op::Get).await;
        if !matches!(outcome, Outcome::Failed(_)) {
            self.told.report().broken.extend(kept.complaint(&outcome));
        }
    }

    /// Sends a request, and again while that may help.
    async fn ask(&self, path: &SecretPath, op: Op) -> Outcome {
        sleep(PACE).await;
        let began = Instant::now();
        let mut again = false;
        loop {
            let outcome = ask(&self.nexus, path, op).await;
            again = match self.told.report().note(&outcome, began.elapsed(), again) {
                Next::Again => true,
                Next::Done => return outcome,
            };
            sleep(AFTER_FAILURE).await;
        }
    }
}

/// What a client does with an outcome.
enum Next {
    /// Sends the request again.
    Again,
    /// Takes it.
    Done,
}

impl Report {
    fn note(&mut self, outcome: &Outcome, waited: Duration, again: bool) -> Next {
        let Outcome::Failed(why) = outcome else {
            self.answered += 1;
            self.repeated += u64::from(again);
            self.slowest = self.slowest.max(waited);
            return Next::Done;
        };
        let retry = why.is_retryable() && waited < PATIENCE;
        let count = if retry { &mut self.met } else { &mut self.failed };
        *count.entry(why.to_string()).or_default() += 1;
        if retry { Next::Again } else { Next::Done }
    }
}

impl Kept {
    /// What is wrong with an answer to a get, if anything is.
    fn complaint(&self, outcome: &Outcome) -> Option<String> {
        let right = match outcome {
            Outcome::Body(body) => *body == self.acknowledged || self.unknown.contains(body),
            Outcome::Missing => self.acknowledged == 0,
            Outcome::Done | Outcome::Failed(_) => false,
        };
        let Self { path, acknowledged, unknown } = self;
        (!right).then(|| {
            format!(
                "{path}: {outcome:?}, after {acknowledged} was acknowledged and {unknown:?} not"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use spike_e2e::history::Failure;

    use super::*;

    #[test]
    fn a_lost_an_old_and_a_strange_write_are_complained_of() {
        let path: SecretPath = "load/0/0".parse().unwrap();
        let kept = Kept { path, acknowledged: 7, unknown: vec![5, 8] };
        for body in [7, 5, 8] {
            assert_eq!(kept.complaint(&Outcome::Body(body)), None);
        }
        let unanswered = Outcome::Failed(Failure::Unreachable);
        for wrong in [Outcome::Missing, Outcome::Body(6), Outcome::Body(9), unanswered] {
            let complaint = kept.complaint(&wrong).expect("a complaint");
            assert!(complaint.contains("after 7 was acknowledged"), "{complaint}");
        }
        assert_eq!(Kept { acknowledged: 0, ..kept }.complaint(&Outcome::Missing), None);
    }
}
