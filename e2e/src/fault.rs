//! What can happen to a store's server, and what it does to those who use it.

mod exhaustion;

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use tokio::time::{Instant, sleep};

use self::exhaustion::Others;
use crate::{
    aftermath::Aftermath,
    chaos::Weather,
    history::{Failure, History},
    load::{Load, Running},
    stage::Stage,
};

/// How long the load runs before a fault, to know what is usual.
const CALM: Duration = Duration::from_secs(3);

/// Of that, how long it takes to be at full speed.
const WARMING_UP: Duration = Duration::from_secs(1);

/// How long after a fault the load goes on once it is answered again.
const AFTER: Duration = Duration::from_secs(3);

/// How long it may take until it is. Generous: machines are shared.
const PATIENCE: Duration = Duration::from_mins(2);

/// How many answers are more than luck.
const ANSWERS: usize = 100;

/// Between two looks at what happens.
const LOOK: Duration = Duration::from_millis(200);

/// A byte a second per connection would be a hang; this is a bad telephone line.
const SLOW: Weather =
    Weather::Slow { latency: Duration::from_millis(100), bytes_per_second: 64 << 10 };

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL of every process of the server.
    Killed,
    /// It is stopped in order, and started again.
    Restarted,
    /// Every process of the server is stopped by SIGSTOP: sockets open, nobody home.
    Frozen,
    /// The processes that serve connections are; new connections are answered.
    StalledBackends,
    /// The network carries late and little.
    Slow,
    /// The network resets every connection, again and again.
    Reset,
    /// What is open is dead without a word, and so is what is opened.
    HalfOpen,
    /// One bit of each piece from the server is another.
    Corrupt,
    /// Others have taken every connection that the server has.
    Exhausted,
    /// The server takes no writes.
    ReadOnly,
    /// The server's disk has no room.
    DiskFull,
    /// The server is lost for good and its standby promoted.
    FailedOver,
}

/// What must be undone when a fault is over.
#[derive(Default)]
struct Undo {
    others: Option<Others>,
    ballast: Option<PathBuf>,
}

/// What a fault did.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Everything the clients saw.
    pub history: History,
    /// Every promise that was broken, in words.
    pub broken: Vec<String>,
    /// What each Nexus said of itself meanwhile.
    pub reasons: Vec<String>,
    /// The most connections that all Nexus were seen to have.
    pub connections: usize,
    /// How long after the fault's end the first request was answered that began after it.
    pub first_answer: Option<Duration>,
    /// How long after it four fifths of the usual were answered.
    pub recovery: Option<Duration>,
    /// How many requests a second were answered before, during and after.
    pub goodput: [f64; 3],
}

impl Finding {
    /// Which failures the clients saw.
    pub fn failures(&self) -> Vec<Failure> {
        self.history.failures().into_keys().collect()
    }
}

impl Stage {
    /// Puts a load on the cluster, lets the fault happen for a while, and looks at what it did.
    ///
    /// # Errors
    ///
    /// If the cluster doesn't work before or after it.
    pub async fn suffer(
        &mut self,
        fault: Fault,
        lasts: Duration,
        load: Load,
    ) -> anyhow::Result<Finding> {
        let clients = self.cluster.clients("superuser").await?;
        let running = load.clone().start(clients.clone());
        sleep(CALM).await;
        self.until_answered(&running, WARMING_UP).await.context("before the fault")?;
        let calm_until = running.elapsed();
        let undo = self.inflict(fault).await.with_context(|| format!("{fault:?}"))?;
        let struck = running.elapsed();
        let (reasons, mut connections) = self.watch(lasts, &running).await;
        self.undo(fault, undo).await.with_context(|| format!("after {fault:?}"))?;
        let (struck, healed) = match fault {
            // It is over as soon as there is a primary again.
            Fault::FailedOver => (calm_until, struck),
            _ => (struck, running.elapsed()),
        };
        connections = connections.max(self.until_answered(&running, healed).await?);
        let after = running.elapsed();
        connections = connections.max(self.watch(AFTER, &running).await.1);
        let (end, history) = (running.elapsed(), running.stop().await);
        let nexus = clients.first().context("a cluster has a Nexus")?;
        let aftermath = Aftermath::read(nexus, &load).await?;
        let rate = |from: Duration, to: Duration| {
            f64::from(history.goodput(from, to)) / to.saturating_sub(from).as_secs_f64()
        };
        Ok(Finding {
            broken: aftermath.broken(&history),
            reasons,
            connections,
            first_answer: history.first_answer(healed),
            recovery: history.recovery(WARMING_UP, calm_until, healed),
            goodput: [rate(WARMING_UP, calm_until), rate(struck, healed), rate(after, end)],
            history,
        })
    }

    /// What Nexus says of itself, and the most connections that it has.
    async fn watch(&self, lasts: Duration, running: &Running) -> (Vec<String>, usize) {
        let end = running.elapsed() + lasts;
        let (mut reasons, mut connections) = (Vec::new(), 0);
        while running.elapsed() < end {
            connections = connections.max(self.connections().await.unwrap_or_default());
            reasons.extend(self.reasons().await);
            reasons.sort();
            reasons.dedup();
            sleep(LOOK).await;
        }
        (reasons, connections)
    }

    async fn until_answered(&self, running: &Running, since: Duration) -> anyhow::Result<usize> {
        let end = Instant::now() + PATIENCE;
        let mut connections = 0;
        while running.answered(since) < ANSWERS {
            connections = connections.max(self.connections().await.unwrap_or_default());
            if Instant::now() > end {
                let answered = running.answered(since);
                bail!("{answered} answers in {PATIENCE:?}: {}", self.cluster.nexus.log());
            }
            sleep(LOOK).await;
        }
        Ok(connections)
    }

    async fn inflict(&mut self, fault: Fault) -> anyhow::Result<Undo> {
        let mut undo = Undo::default();
        match fault {
            Fault::Killed => self.server.kill().await?,
            Fault::Restarted => self.server.stop().await?,
            Fault::Frozen => self.server.pause()?,
            Fault::StalledBackends => self.server.pause_backends()?,
            Fault::Slow => self.weather(SLOW),
            Fault::Reset => self.weather(Weather::Reset),
            Fault::HalfOpen => self.weather(Weather::HalfOpen),
            Fault::Corrupt => self.weather(Weather::Corrupt),
            Fault::Exhausted => undo.others = Some(Others::take_all(&self.server).await?),
            Fault::ReadOnly => self.server.set("default_transaction_read_only", "on").await?,
            Fault::DiskFull => undo.ballast = Some(self.fill_disk()?),
            Fault::FailedOver => {
                let standby = self.standby.take().context("no standby")?;
                self.server.kill().await?;
                standby.promote().await?;
                self.server = standby;
            }
        }
        Ok(undo)
    }

    async fn undo(&mut self, fault: Fault, undo: Undo) -> anyhow::Result<()> {
        match fault {
            Fault::Killed | Fault::Restarted => self.server.start_again().await?,
            Fault::Frozen | Fault::StalledBackends => self.server.resume()?,
            Fault::Slow | Fault::Reset | Fault::HalfOpen | Fault::Corrupt => {
                self.weather(Weather::Calm);
            }
            Fault::ReadOnly => self.server.set("default_transaction_read_only", "off").await?,
            Fault::Exhausted | Fault::DiskFull | Fault::FailedOver => {}
        }
        drop(undo.others);
        if let Some(ballast) = undo.ballast {
            fs::remove_file(ballast)?;
            // A server that can't write its log ends itself, and someone has to start it again.
            if self.connections().await.is_none() {
                // It may be gone already.
                let _ = self.server.kill().await;
                self.server.start_again().await?;
            }
        }
        Ok(())
    }

    /// Writes until there is no room.
    fn fill_disk(&self) -> anyhow::Result<PathBuf> {
        use std::io::{ErrorKind, Write};
        let ballast = self.server.disk().join("ballast");
        let mut file = fs::File::create(&ballast)?;
        loop {
            match file.write_all(&[0; 4096]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(ballast),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
