//! Eras: one primary, reached with one password and one set of authorities, until something shows
//! that it is over.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use spike_store::{Result, StoreError};
use sqlx::PgConnection;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{
    Counted, Link, Member,
    files::Files,
    greeting::Process,
    options::Host,
    walk::{self, Found},
};

/// Between two looks at the files of password and authorities.
const LOOK: Duration = Duration::from_secs(1);

/// How long a connection is used: what a server process collects over time goes with it.
const LIFE: Duration = Duration::from_hours(1);

/// Between two searches for a primary that wasn't found, at least; as much again at random, so that
/// replicas don't come all at once.
const PAUSE: Duration = Duration::from_millis(100);

/// A primary, as it is reached now.
pub(super) struct Era {
    pub(super) host: Host,
    pub(super) files: Files,
    /// How many connections it has.
    pub(super) members: Arc<AtomicU32>,
}

impl Link {
    /// The present era, found if need be.
    pub(super) async fn era(&self, deadline: Instant) -> Result<Arc<Era>> {
        self.look_at_files().await;
        if let Some(era) = self.state().era.clone() {
            return Ok(era);
        }
        match timeout_at(deadline, self.find()).await {
            Ok(found) => found,
            Err(_) => Err(self.last_failure().unwrap_or_else(StoreError::late)),
        }
    }

    /// Why the last search failed, unless one is under way.
    fn last_failure(&self) -> Option<StoreError> {
        let search = self.0.search.try_lock().ok()?;
        search.as_ref().map(|(_, error)| error.clone())
    }

    /// Begins another era if a password or an authority was replaced. Nobody waits for that.
    async fn look_at_files(&self) {
        let now = Instant::now();
        let era = {
            let mut state = self.state();
            if now < state.look {
                return;
            }
            state.look = now + LOOK;
            state.era.clone()
        };
        let Some(era) = era else { return };
        let read = Files::read(&self.0.options).await;
        let was_readable = std::mem::replace(&mut self.state().readable, read.is_ok());
        match read {
            Ok(files) if files == era.files => {}
            Ok(files) => {
                let (link, closed) = (self.clone(), self.0.closed.clone());
                let renewed = async move { closed.run_until_cancelled(link.renew(files)).await };
                self.0.tasks.spawn(renewed);
            }
            // They may be in the middle of being replaced: what is open stays.
            Err(error) if was_readable => tracing::warn!("{error}"),
            Err(_) => {}
        }
    }

    /// Looks for the primary, one caller at a time. Whoever waited while another looked in vain gets
    /// that answer.
    pub(super) async fn find(&self) -> Result<Arc<Era>> {
        let arrived = Instant::now();
        let mut search = self.0.search.lock().await;
        if let Some(era) = self.state().era.clone() {
            return Ok(era);
        }
        if let Some((when, error)) = &*search {
            if *when >= arrived {
                return Err(error.clone());
            }
            sleep_until(*when + PAUSE + PAUSE.mul_f64(rand::random())).await;
        }
        match self.walk(None).await {
            Ok(member) => {
                *search = None;
                Ok(self.begin(member))
            }
            Err(error) => {
                *search = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Has the era followed by one with new files, once a connection proved that they are right.
    /// Until then what is open stays: they may be wrong, or half written.
    async fn renew(&self, files: Files) {
        // Whoever searches reads the files anyway.
        let Ok(_turn) = self.0.search.try_lock() else { return };
        match self.walk(Some(files.clone())).await {
            Ok(member) => {
                self.begin(member);
            }
            Err(error) => {
                let known = self.state().refused.replace(files.clone()) == Some(files);
                if !known {
                    tracing::warn!("the store's new password or authorities don't work: {error}");
                }
            }
        }
    }

    /// Begins an era with its first connection.
    fn begin(&self, first: Member) -> Arc<Era> {
        let era = first.era.clone();
        tracing::info!(host = %era.host, "uses the store's primary");
        let past = {
            let mut state = self.state();
            state.era = Some(era.clone());
            state.refused = None;
            std::mem::replace(&mut state.idle, vec![first])
        };
        drop(past);
        era
    }

    /// The primary's first connection, with these files or with those that are there now.
    async fn walk(&self, files: Option<Files>) -> Result<Member> {
        let options = &self.0.options;
        let files = match files {
            Some(files) => files,
            None => Files::read(options).await.map_err(|e| StoreError::busy(e.to_string()))?,
        };
        let timeline = self.0.timeline.load(Ordering::Acquire);
        let Found { host, connection, greeting } = walk::find(options, &files, timeline).await?;
        self.0.timeline.fetch_max(greeting.timeline.unwrap_or_default(), Ordering::AcqRel);
        let era = Arc::new(Era { host, files, members: Arc::default() });
        Ok(Member::new(connection, &era, greeting.process))
    }

    /// Ends an era, if it is still the present one.
    pub(super) fn retire(&self, era: &Arc<Era>, why: &dyn fmt::Display) {
        let idle = {
            let mut state = self.state();
            if !state.era.as_ref().is_some_and(|present| Arc::ptr_eq(present, era)) {
                return;
            }
            state.era = None;
            std::mem::take(&mut state.idle)
        };
        tracing::warn!(host = %era.host, "connects to the store anew: {why}");
        drop(idle);
    }
}

impl Member {
    pub(super) fn new(connection: PgConnection, era: &Arc<Era>, process: Process) -> Self {
        let counted = Counted::in_(&era.members);
        Self { connection, era: era.clone(), process, born: Instant::now(), _counted: counted }
    }

    /// A connection of this age is to be replaced, if another one can be had.
    pub(super) fn is_old(&self) -> bool {
        self.born.elapsed() >= LIFE
    }
}
