//! The process itself: nothing of its memory reaches a disk, and it stops when asked to.

use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
};

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use spike_seal::memory;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The exit status of a process that a second signal stopped: 128 + SIGINT, as shells have it.
const STOPPED_AT_ONCE: i32 = 130;

/// Keys can't be locked into memory, and that was required.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "keys can't be locked into memory, and SPIKE_REQUIRE_MLOCK is set: raise RLIMIT_MEMLOCK (ulimit -l), or grant CAP_IPC_LOCK"
)]
pub struct CannotLock;

/// Makes the process safe to hold keys, before it holds any.
///
/// Unless `require_mlock`, memory that can't be locked is only told in the log.
pub fn protect(require_mlock: bool) -> Result<(), CannotLock> {
    harden();
    match (memory::can_lock(), require_mlock) {
        (true, _) => Ok(()),
        (false, true) => Err(CannotLock),
        (false, false) => {
            let remedy = "raise RLIMIT_MEMLOCK (ulimit -l), or grant CAP_IPC_LOCK";
            tracing::warn!(
                "keys can't be locked into memory and may reach a swap device: {remedy}"
            );
            Ok(())
        }
    }
}

/// Core dumps off; not readable or traceable by other processes of the same user.
///
/// A kernel that refuses either is told in the log: it is a second line of defence.
fn harden() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps can't be turned off");
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "the process stays dumpable");
    }
}

/// A token that SIGTERM or SIGINT cancels. A second signal exits at once.
pub fn shutdown() -> std::io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stopping = stop.clone();
    // A tracker of its own: nobody waits for the second signal.
    TaskTracker::new().spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("stopping; a second signal stops at once");
        stopping.cancel();
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::warn!("stopped at once");
        std::process::exit(STOPPED_AT_ONCE);
    });
    Ok(stop)
}

/// How a program ends: what went wrong is for people, in one line with its causes, whatever
/// `RUST_BACKTRACE` says.
pub fn exit<E: fmt::Display>(ended: Result<(), E>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Nobody may be reading; the exit status still tells.
            let _ = writeln!(io::stderr(), "Error: {why:#}");
            ExitCode::FAILURE
        }
    }
}
