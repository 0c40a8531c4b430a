//! Clients that put, read, delete and bring back secrets as fast as they are answered, and note
//! every answer.
//!
//! Without patience they repeat nothing: what a failed request became is for the checks to find out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use spike_client::{ClientError, NexusClient};
use spike_core::{SecretPath, Version};
use tokio::time::{Instant, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::history::{Failure, History, Op, Outcome, Record};

/// After a failure a client waits this long, as a client should.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// The key under which a body is kept in its secret.
const BODY: &str = "body";

/// How many of a hundred requests are what; the rest are gets.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// Puts.
    pub puts: u32,
    /// Deletes.
    pub deletes: u32,
    /// Undeletes.
    pub undeletes: u32,
}

/// What clients do.
#[derive(Clone, Debug)]
pub struct Load {
    /// Paths are `<name>/<number>`.
    pub name: String,
    /// How many clients.
    pub clients: u32,
    /// How many paths they share.
    pub keys: usize,
    /// What they ask for.
    pub mix: Mix,
    /// How long each waits after an answer: what it leaves of the machine to others.
    pub pace: Duration,
    /// How long a client repeats a failed request, each time at the next replica.
    pub patience: Duration,
}

/// What is noted, by all clients.
#[derive(Clone, Default)]
struct Records(Arc<Mutex<Vec<Record>>>);

impl Records {
    fn lock(&self) -> MutexGuard<'_, Vec<Record>> {
        // A record is pushed whole or not at all.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Clients at work.
pub struct Running {
    load: Load,
    nexuses: Vec<Arc<NexusClient>>,
    since: Instant,
    records: Records,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Load {
    /// Starts the clients. Each request goes to any of the replicas.
    pub fn start(self, nexuses: Vec<Arc<NexusClient>>) -> Running {
        let running = Running {
            load: self,
            nexuses,
            since: Instant::now(),
            records: Records::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        for client in 0..running.load.clients {
            running.tasks.spawn(running.client(client).run());
        }
        running.tasks.close();
        running
    }

    /// Eight clients of twenty paths, half of whose requests are puts: enough to be at work whenever
    /// something breaks, and not so much that little else is done.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            clients: 8,
            keys: 20,
            mix: Mix { puts: 50, deletes: 0, undeletes: 0 },
            pace: Duration::ZERO,
            patience: Duration::ZERO,
        }
    }

    /// The path of a key.
    pub fn path(&self, key: usize) -> SecretPath {
        format!("{}/{key}", self.name).parse().expect("a name of letters and a number")
    }
}

impl Running {
    /// What the clients do.
    pub const fn load(&self) -> &Load {
        &self.load
    }

    /// How long they have been at it.
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// How many requests that began after `since` were answered.
    pub fn answered(&self, since: Duration) -> usize {
        let records = self.records.lock();
        let later = records.iter().rev().take_while(|record| record.ended >= since);
        later.filter(|record| record.began >= since && record.is_answered()).count()
    }

    /// Lets what is in flight end; all that happened.
    pub async fn stop(self) -> History {
        self.stop.cancel();
        self.tasks.wait().await;
        History(std::mem::take(&mut *self.records.lock()))
    }

    fn client(&self, number: u32) -> Client {
        Client {
            load: self.load.clone(),
            nexuses: self.nexuses.clone(),
            since: self.since,
            records: self.records.clone(),
            stop: self.stop.clone(),
            // The same requests in each run; only their timing is the machine's.
            chance: StdRng::seed_from_u64(number.into()),
            puts: u64::from(number) << 32,
        }
    }
}

struct Client {
    load: Load,
    nexuses: Vec<Arc<NexusClient>>,
    since: Instant,
    records: Records,
    stop: CancellationToken,
    chance: StdRng,
    puts: u64,
}

impl Client {
    async fn run(mut self) {
        while !self.stop.is_cancelled() {
            let (key, op) = (self.chance.random_range(0..self.load.keys), self.choose());
            let began = self.since.elapsed();
            let (outcome, tries) = self.ask(key, op).await;
            let record = Record { key, op, began, ended: self.since.elapsed(), outcome, tries };
            let pause = if record.is_answered() { self.load.pace } else { AFTER_FAILURE };
            self.records.lock().push(record);
            self.stop.run_until_cancelled(sleep(pause)).await;
        }
    }

    /// Sends a request, and again while there is patience; how often it was sent.
    async fn ask(&mut self, key: usize, op: Op) -> (Outcome, u32) {
        let (path, end) = (self.load.path(key), Instant::now() + self.load.patience);
        let first = self.chance.random_range(0..self.nexuses.len());
        let turns = self.nexuses.iter().cycle().skip(first);
        for (nexus, tries) in turns.zip(1..) {
            match ask(nexus, &path, op).await {
                Outcome::Failed(failure) if failure.is_retryable() && Instant::now() < end => {
                    sleep(AFTER_FAILURE).await;
                }
                outcome => return (outcome, tries),
            }
        }
        unreachable!("replicas come round again for ever")
    }

    fn choose(&mut self) -> Op {
        let Mix { puts, deletes, undeletes } = self.load.mix;
        let which = self.chance.random_bool(0.5).then(|| self.chance.random_range(1..=40));
        match self.chance.random_range(0..100) {
            n if n < puts => {
                self.puts += 1;
                Op::Put(self.puts)
            }
            n if n < puts + deletes => Op::Delete(which),
            n if n < puts + deletes + undeletes => Op::Undelete(which),
            _ => Op::Get,
        }
    }
}

/// Sends one request.
pub async fn ask(nexus: &NexusClient, path: &SecretPath, op: Op) -> Outcome {
    let done = |result: Result<(), ClientError>| result.map(|()| Outcome::Done);
    let answer = match op {
        Op::Put(body) => {
            let values = BTreeMap::from([(BODY.to_owned(), body.to_string().into())]);
            done(nexus.put_secret(path, values).await)
        }
        Op::Get => body(nexus, path, None).await.map(Outcome::Body),
        Op::Delete(which) => done(nexus.delete_secret(path, &numbers(which)).await),
        Op::Undelete(which) => done(nexus.undelete_secret(path, &numbers(which)).await),
    };
    match answer {
        Ok(outcome) => outcome,
        Err(ClientError::NotFound) => Outcome::Missing,
        Err(error) => Outcome::Failed(Failure::of(&error)),
    }
}

/// The body of a version.
pub async fn body(
    nexus: &NexusClient,
    path: &SecretPath,
    version: Option<u32>,
) -> Result<u64, ClientError> {
    let values = nexus.get_secret(path, version.and_then(numbered)).await?;
    let body = values.get(BODY).and_then(|text| text.as_str().parse().ok());
    body.ok_or_else(|| ClientError::Protocol {
        origin: path.to_string(),
        reason: "a body that nobody put".to_owned(),
    })
}

fn numbered(version: u32) -> Option<Version> {
    Version::new(version.into())
}

fn numbers(version: Option<u32>) -> Vec<Option<Version>> {
    version.map(numbered).into_iter().collect()
}
