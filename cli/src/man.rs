//! `spike man`.

use std::{fs, path::PathBuf};

use crate::{error::CliError, output};

/// Write man pages, one per command.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder to write to, made if it is missing.
    dir: PathBuf,
}

impl Args {
    /// Writes those of a program.
    ///
    /// # Errors
    ///
    /// The folder can't be written to.
    pub fn run(self, command: clap::Command) -> Result<(), CliError> {
        let pages = || {
            fs::create_dir_all(&self.dir)?;
            clap_mangen::generate_to(command, &self.dir)
        };
        pages().map_err(|error| {
            CliError::other(
                format!("cannot write man pages to {}: {error}", self.dir.display()),
                "Check the folder and its permissions.",
            )
        })?;
        output::print(&format!("Man pages are in {}; see them with man -l.", self.dir.display()))
    }
}
