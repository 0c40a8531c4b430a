//! Standard output: written in one piece, in colour only for people, and never with control
//! characters of someone else's text on a terminal.

use std::io::{self, IsTerminal, Write};

use zeroize::Zeroizing;

use crate::error::CliError;

/// Writes the text and, if it lacks one, a newline.
pub fn print(text: &str) -> Result<(), CliError> {
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    write(text.as_bytes()).and_then(|()| write(end.as_bytes()))
}

/// Writes bytes to standard output as they are.
pub fn write(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => CliError::ReaderGone,
        _ => CliError::other(
            format!("cannot write to standard output: {error}"),
            "See where the output goes: a full disk, a closed terminal?",
        ),
    })
}

/// True if bytes go to a person and not to a file or a program.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Says more on stderr, so that standard output stays what a script expects.
pub fn note(text: &str) {
    aside("Note", text);
}

/// Warns on stderr; the command goes on.
pub fn warn(text: &str) {
    aside("Warning", text);
}

fn aside(kind: &str, text: &str) {
    // If even stderr is gone, nobody is there to be told.
    let _ = writeln!(io::stderr(), "{kind}: {text}");
}

/// Marks text for people, or leaves it alone.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    colour: bool,
    terminal: bool,
}

impl Paint {
    /// Leaves all text alone.
    pub const PLAIN: Self = Self { colour: false, terminal: false };

    /// For a terminal, without colour.
    #[cfg(test)]
    pub(crate) const TERMINAL: Self = Self { colour: false, terminal: true };

    /// For standard output. Colour needs a terminal, and is off with `NO_COLOR`
    /// (<https://no-color.org>) or `TERM=dumb`.
    pub fn of_stdout() -> Self {
        Self::of(&io::stdout())
    }

    /// For standard error, alike.
    pub fn of_stderr() -> Self {
        Self::of(&io::stderr())
    }

    fn of(stream: &impl IsTerminal) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = stream.is_terminal();
        Self { colour: terminal && !refused, terminal }
    }

    /// The same without colour.
    pub fn plain(self) -> Self {
        Self { colour: false, ..self }
    }

    /// Text that someone else chose. On a terminal its control characters are written out (line
    /// breaks and tabs aside): a secret's value must not move the cursor, set the title or reach
    /// the clipboard of whoever looks at it.
    pub fn harmless(self, text: &str) -> Zeroizing<String> {
        /// The most that a character grows by when it is written out, as `\u{1b}` does.
        const GROWTH: usize = 5;
        let escaped = |c: char| self.terminal && c.is_control() && !matches!(c, '\n' | '\t');
        // Never grown, so that no copy is left behind.
        let more = text.chars().filter(|c| escaped(*c)).count() * GROWTH;
        let mut shown = Zeroizing::new(String::with_capacity(text.len() + more));
        for c in text.chars() {
            if escaped(c) {
                shown.extend(c.escape_default());
            } else {
                shown.push(c);
            }
        }
        shown
    }

    /// Something to find quickly.
    pub fn bold(self, text: &str) -> String {
        self.wrap(text, "1")
    }

    /// Well.
    pub fn good(self, text: &str) -> String {
        self.wrap(text, "32")
    }

    /// Not well.
    pub fn bad(self, text: &str) -> String {
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
        let colour = Paint { colour: true, terminal: true };
        assert_eq!(colour.bad("down"), "\x1b[31mdown\x1b[0m");
        assert_eq!(colour.plain().bad("down"), "down");
    }

    #[test]
    fn only_a_terminal_is_kept_from_control_characters() {
        let hostile = "a\x1b]52;c;eA==\x07\r\u{9b}2J\tb\nc";
        assert_eq!(Paint::PLAIN.harmless(hostile).as_str(), hostile);
        assert_eq!(
            Paint::TERMINAL.harmless(hostile).as_str(),
            "a\\u{1b}]52;c;eA==\\u{7}\\r\\u{9b}2J\tb\nc"
        );
    }

    #[test]
    fn written_out_text_is_never_moved() {
        let hostile = "\x1b\u{9b}\x7f".repeat(50);
        let shown = Paint::TERMINAL.harmless(&hostile);
        assert!(shown.capacity() <= hostile.len() + 150 * 5, "{}", shown.capacity());
    }
}
