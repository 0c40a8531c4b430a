//! Standard output: written in one piece, in colour only for people.

use std::io::{self, IsTerminal, Write};

use crate::error::CliError;

/// Writes the text and, if it lacks one, a newline.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    write(text.as_bytes()).and_then(|()| write(end.as_bytes()))
}

/// Writes bytes to standard output as they are.
pub(crate) fn write(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => CliError::ReaderGone,
        _ => CliError::other(
            format!("cannot write to standard output: {error}"),
            "See where the output goes: a full disk, a closed terminal?",
        ),
    })
}

/// Marks text for people, or leaves it alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    colour: bool,
}

impl Paint {
    /// Leaves all text alone.
    pub(crate) const PLAIN: Self = Self { colour: false };

    /// For standard output. Colour needs a terminal, and is off with `NO_COLOR`
    /// (<https://no-color.org>) or `TERM=dumb`.
    pub(crate) fn of_stdout() -> Self {
        Self::of(&io::stdout())
    }

    /// For standard error, alike.
    pub(crate) fn of_stderr() -> Self {
        Self::of(&io::stderr())
    }

    fn of(stream: &impl IsTerminal) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { colour: stream.is_terminal() && !refused }
    }

    /// Something to find quickly.
    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap(text, "1")
    }

    /// Well.
    pub(crate) fn good(self, text: &str) -> String {
        self.wrap(text, "32")
    }

    /// Not well.
    pub(crate) fn bad(self, text: &str) -> String {
        self.wrap(text, "31")
    }

    fn wrap(self, text: &str, code: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colour_text_is_left_alone() {
        assert_eq!(Paint::PLAIN.bad("down"), "down");
        assert_eq!(Paint { colour: true }.bad("down"), "\x1b[31mdown\x1b[0m");
    }
}
