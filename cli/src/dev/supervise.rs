//! Keeps one program running until it is told to stop.

use std::{
    process::ExitStatus,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::Child,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{console::Console, launch, plan::Program};

/// The first wait before a program is started again.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The longest wait: a program that can't run costs next to nothing.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A program that ran this long has recovered; its next end is a new one.
const RECOVERED: Duration = Duration::from_secs(30);

/// How long a program may take to stop by itself: its own drain of 20 s, and a little.
const DRAIN: Duration = Duration::from_secs(25);

/// A program and what became of it.
#[derive(Debug)]
pub(super) struct Supervised {
    pub(super) program: Program,
    state: Mutex<State>,
}

/// What became of a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Its process, while it has one.
    pub(super) pid: Option<u32>,
    /// How often it was started again.
    pub(super) restarts: u32,
}

impl Supervised {
    pub(super) fn new(program: Program) -> Self {
        Self { program, state: Mutex::default() }
    }

    pub(super) fn state(&self) -> State {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is one small value; a panic can't leave it half-written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the program again and again until `stop`, then ends it.
    pub(super) async fn keep(&self, stop: &CancellationToken, console: Console) {
        let name = &self.program.name;
        let mut backoff = Backoff::default();
        while !stop.is_cancelled() {
            let started = Instant::now();
            let ended = match launch::start(&self.program) {
                Ok(child) => self.watch(child, stop).await,
                Err(error) => format!("cannot start: {error}"),
            };
            if stop.is_cancelled() {
                break;
            }
            self.lock().restarts += 1;
            let wait = backoff.after(started.elapsed());
            let log = self.program.log.display();
            console.warn(format!("{name}: {ended}; starting it again in {wait:?} (see {log})"));
            stop.run_until_cancelled(sleep(wait)).await;
        }
    }

    async fn watch(&self, mut child: Child, stop: &CancellationToken) -> String {
        self.lock().pid = child.id();
        let ended = match stop.run_until_cancelled(child.wait()).await {
            Some(status) => status,
            None => end(&mut child).await,
        };
        self.lock().pid = None;
        ended.map_or_else(|error| format!("lost: {error}"), describe)
    }
}

/// Asks a program to stop and, if it doesn't in time, makes it.
pub(super) async fn end(child: &mut Child) -> std::io::Result<ExitStatus> {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It isn't reaped yet, so the number is still its own.
        let _ = kill_process(pid, Signal::TERM);
    }
    if let Ok(ended) = timeout(DRAIN, child.wait()).await {
        return ended;
    }
    child.kill().await?;
    child.wait().await
}

fn describe(status: ExitStatus) -> String {
    status.to_string()
}

/// How long to wait before the next start: twice as long each time, from the start again once the
/// program ran well.
#[derive(Debug, Default)]
struct Backoff(Option<Duration>);

impl Backoff {
    fn after(&mut self, ran: Duration) -> Duration {
        let last = self.0.filter(|_| ran < RECOVERED);
        let wait = last.map_or(FIRST_WAIT, |last| (last * 2).min(LONGEST_WAIT));
        self.0 = Some(wait);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_begin_anew_after_a_good_run() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..8).map(|_| backoff.after(Duration::ZERO).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 10000, 10000]);
        assert_eq!(backoff.after(RECOVERED), FIRST_WAIT);
    }
}
