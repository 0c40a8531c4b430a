//! A program that dies with its parent.
//!
//! A supervisor that is killed can't stop its children. The kernel does, if the child asked for it;
//! the wish survives `exec`, so this short detour needs nothing of the program itself.

use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    process::{self, Command},
};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use crate::error::CliError;

/// Arguments of `spike dev exec`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The process that must be alive.
    #[arg(long)]
    parent: u32,
    /// The program and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    program: Vec<OsString>,
}

impl Args {
    pub(super) fn run(self) -> Result<(), CliError> {
        let failed = |error| {
            CliError::other(
                format!("cannot become {:?}: {error}", self.program),
                "See `spike dev`.",
            )
        };
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(|e| failed(e.into()))?;
        // The parent may have died before the wish was made.
        let alive =
            getppid().is_some_and(|pid| pid.as_raw_nonzero().get().unsigned_abs() == self.parent);
        if !alive {
            process::exit(1);
        }
        let (program, args) = self.program.split_first().expect("clap requires one");
        Err(failed(Command::new(program).args(args).exec()))
    }
}
