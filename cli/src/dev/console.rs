//! What `spike dev` says while it works: one line per event, to people and to logs alike.

use std::{fmt::Display, io::Write};

use crate::{error::CliError, output::Paint};

/// Says what happens, on standard error: standard output is for answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Console {
    paint: Paint,
}

impl Console {
    pub(super) fn from_process() -> Self {
        Self { paint: Paint::of_stderr() }
    }

    /// Something went well.
    pub(super) fn done(self, what: impl Display) {
        self.line(&self.paint.good("✓"), &what);
    }

    /// Something happened that nobody asked for.
    pub(super) fn warn(self, what: impl Display) {
        self.line(&self.paint.bad("!"), &what);
    }

    /// Something that keeps the cluster from working, and what to do now.
    pub(super) fn tell(self, error: &CliError) {
        self.warn(error);
        if let CliError::Told { next, .. } = error {
            next.lines().for_each(|line| self.note(line));
        }
    }

    /// Something to know.
    pub(super) fn note(self, what: impl Display) {
        self.line(" ", &what);
    }

    #[expect(clippy::unused_self, reason = "all that is said goes through a console")]
    fn line(self, mark: &str, what: &dyn Display) {
        // Nobody reads: then there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "{mark} {what}");
    }
}
