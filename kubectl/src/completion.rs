//! `kubectl spike completion`.

use clap_complete::Shell;
use spike_cli::{CliError, completion};

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
        let program = "kubectl-spike";
        completion::print(command().bin_name(program), program, self.shell)
    }
}
