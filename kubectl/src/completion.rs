//! `kubectl spike completion`, and man pages.

use std::{fs, path::PathBuf};

use clap_complete::Shell;
use spike_cli::{CliError, output};

use crate::args::command;

/// Print a completion script for a shell.
///
/// It completes kubectl-spike, the program by its own name. kubectl's own completion asks a program
/// kubectl_complete-spike what comes after `kubectl spike`: the last example makes one.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The shell.
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  source <(kubectl spike completion bash)
  kubectl spike completion zsh > \"${fpath[1]}/_kubectl-spike\"
  kubectl spike completion fish > ~/.config/fish/completions/kubectl-spike.fish
  printf '#!/bin/sh\\nexec kubectl-spike complete -- \"$@\"\\n' > ~/.local/bin/kubectl_complete-spike
  chmod +x ~/.local/bin/kubectl_complete-spike";

impl Args {
    /// Prints it.
    pub(crate) fn run(self) -> Result<(), CliError> {
        let mut script = Vec::new();
        let mut command = command().bin_name("kubectl-spike");
        clap_complete::generate(self.shell, &mut command, "kubectl-spike", &mut script);
        output::write(&script)
    }
}

/// Write man pages, one per command.
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// The folder to write to, made if it is missing.
    dir: PathBuf,
}

impl Man {
    /// Writes them.
    pub(crate) fn run(self) -> Result<(), CliError> {
        let pages = || {
            fs::create_dir_all(&self.dir)?;
            clap_mangen::generate_to(command(), &self.dir)
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
