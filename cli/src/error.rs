//! How a command ends when it doesn't end well: what happened, what to do next, which status.

use std::{io::Write, process::ExitCode};

/// The exit statuses of `spike`. 0 is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// None of the others.
    Other = 1,
    /// The command line or the environment is wrong. clap's own status, too.
    Usage = 2,
    /// The identity may not do it.
    Denied = 3,
    /// Nothing is there.
    Missing = 4,
    /// The present state forbids it.
    Conflict = 5,
    /// A server or the identity isn't there now.
    Unavailable = 6,
}

/// Why a command has no good end.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CliError {
    /// Something to tell on stderr, in two lines.
    #[error("{what}")]
    Told {
        /// The status to end with.
        exit: Exit,
        /// What happened, one line, never a secret.
        what: String,
        /// What to do now, one line.
        next: String,
    },
    /// Everything is printed already, and it means no.
    #[error("the answer is no")]
    Verdict(Exit),
    /// Whoever read our output has gone (`spike … | head`): it has all it wanted.
    #[error("the reader of the output has gone")]
    ReaderGone,
}

impl CliError {
    /// An error to tell: what happened, and what to do now.
    pub fn new(exit: Exit, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Told { exit, what: what.into(), next: next.into() }
    }

    /// The command line or the environment is wrong.
    pub fn usage(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what, next)
    }

    /// A file or the system said no.
    pub fn other(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Exit::Other, what, next)
    }

    /// Tells it on stderr and gives the status to exit with.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::ReaderGone => ExitCode::SUCCESS,
            Self::Verdict(exit) => ExitCode::from(*exit as u8),
            Self::Told { exit, what, next } => {
                // If even stderr is gone, the status still tells.
                let _ = writeln!(std::io::stderr(), "Error: {what}\nNext: {next}");
                ExitCode::from(*exit as u8)
            }
        }
    }
}
