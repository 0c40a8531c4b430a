//! Questions to the person at the terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use zeroize::Zeroizing;

use crate::error::{CliError, Exit};

/// True if a person can be asked.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a secret without showing it. `instead` says what to use where nobody can be asked.
pub(crate) fn hidden(question: &str, instead: &str) -> Result<Zeroizing<String>, CliError> {
    if !is_possible() {
        return Err(CliError::usage(
            "a value is to be asked for, but standard input is not a terminal",
            format!("Use {instead}."),
        ));
    }
    rpassword::prompt_password(question).map(Zeroizing::new).map_err(|error| {
        CliError::usage(format!("cannot ask at the terminal: {error}"), format!("Use {instead}."))
    })
}

/// Asks before something that can't be taken back. Anything but yes ends the command.
pub(crate) fn confirm(question: &str) -> Result<(), CliError> {
    let _ = write!(io::stderr(), "{question} (y/N): ");
    let mut answer = String::new();
    // No answer is a no, whatever the reason.
    let _ = io::stdin().lock().read_line(&mut answer);
    if is_yes(&answer) {
        return Ok(());
    }
    Err(CliError::new(Exit::Other, "operation canceled", "Answer y, or pass --yes."))
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].iter().any(|yes| answer.trim().eq_ignore_ascii_case(yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_a_yes() {
        for yes in ["y\n", "Y", "yes\n", "YES", " yes "] {
            assert!(is_yes(yes), "{yes}");
        }
        for no in ["", "\n", "n", "no", "yess", "ye", "yes no"] {
            assert!(!is_yes(no), "{no}");
        }
    }
}
