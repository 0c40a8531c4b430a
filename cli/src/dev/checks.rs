//! Errors that several parts tell in the same words.

use std::{fmt::Display, path::Path};

use super::home::Home;
use crate::error::{CliError, Exit};

/// A file or directory that the system refuses.
pub(super) fn file(doing: &str, path: &Path, error: &dyn Display) -> CliError {
    CliError::other(
        format!("cannot {doing} {}: {error}", path.display()),
        "Check the directory's owner and the room on the disk.",
    )
}

/// Nothing runs in the directory.
pub(super) fn not_running(home: &Home) -> CliError {
    CliError::new(
        Exit::Unavailable,
        format!("no cluster runs in {}", home.root().display()),
        "Start it with `spike dev`, or name its directory with --dir.",
    )
}
