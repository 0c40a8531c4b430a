//! Logs to standard error: for people on a terminal, one JSON object per line otherwise.
//!
//! Logs are for operators and may be lost; what must not be lost is audit's.

use std::{io::IsTerminal, panic};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::Env;

/// What other libraries may say: connection details of theirs aren't ours to log.
const LIBRARIES: LevelFilter = LevelFilter::WARN;

/// `SPIKE_SYSTEM_LOG_LEVEL`: `debug`, `info`, `warn` or `error`, in any case.
pub fn level(env: &mut Env) -> LevelFilter {
    let levels = [
        ("debug", LevelFilter::DEBUG),
        ("info", LevelFilter::INFO),
        ("warn", LevelFilter::WARN),
        ("error", LevelFilter::ERROR),
    ];
    // SPIKE's own default is WARN; ours tells when it becomes ready.
    env.choice("SPIKE_SYSTEM_LOG_LEVEL", LevelFilter::INFO, &levels)
}

/// Starts logging. A second call does nothing: tests of one process may all call it.
pub fn init(level: LevelFilter) {
    let libraries = LIBRARIES.min(level);
    let ours = ["nexus", "keeper", "spike"].map(|target| format!("{target}={level}"));
    let filter = EnvFilter::new(format!("{libraries},{}", ours.join(",")));
    let registry = tracing_subscriber::registry().with(filter);
    let format = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() {
        registry.with(format).try_init()
    } else {
        registry.with(format.json().flatten_event(true).with_current_span(false)).try_init()
    };
    if started.is_ok() {
        panic::set_hook(Box::new(log_panic));
    }
}

/// A panic's text may hold a value that was being worked on: only its place is logged.
fn log_panic(info: &panic::PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "panicked");
}
