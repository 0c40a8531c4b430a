//! `spike completion`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{error::CliError, output};

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The shell.
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  source <(spike completion bash)
  spike completion zsh > \"${fpath[1]}/_spike\"
  spike completion fish > ~/.config/fish/completions/spike.fish";

impl Args {
    /// Prints it.
    pub(crate) fn run(self) -> Result<(), CliError> {
        print(crate::Args::command(), "spike", self.shell)
    }
}

/// Prints the script that completes a program.
///
/// # Errors
///
/// Standard output can't be written to.
pub fn print(mut command: clap::Command, program: &str, shell: Shell) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, program, &mut script);
    output::write(&script)
}
