//! Errors that several parts tell in the same words.

use std::{fmt::Display, fs, os::unix::fs::MetadataExt, path::Path};

use super::home::Home;
use crate::error::{CliError, Exit};

/// A file or directory that the system refuses.
pub(super) fn file(doing: &str, path: &Path, error: &dyn Display) -> CliError {
    CliError::other(
        format!("cannot {doing} {}: {error}", path.display()),
        "Check the directory's owner and the room on the disk.",
    )
}

/// The directory is another user's, who alone can see what runs in it.
pub(super) fn not_ours(home: &Home) -> CliError {
    let dir = home.root().display();
    let owner = fs::metadata(home.root()).map_or_else(
        |_| "another user".to_owned(),
        |folder| format!("the user with the number {}", folder.uid()),
    );
    CliError::new(
        Exit::Denied,
        format!("{dir} belongs to {owner}, who alone sees whether a cluster runs there"),
        "Run it as that user, or name a directory of your own with --dir.",
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
