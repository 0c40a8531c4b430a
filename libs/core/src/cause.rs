//! What is at the bottom of an error, and what others said of it.

use std::{error::Error, io, iter};

/// An error, what caused it, what caused that.
pub fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>() {
        // Its `source` passes over the error that it holds.
        Some(io) => io.get_ref().map(|held| held as &(dyn Error + 'static)),
        None => error.source(),
    })
}

/// "connection refused" instead of the sentences that a library puts around it.
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

/// What somebody else said, fit for a terminal: at most so many characters, none of control, on one line.
pub fn printable(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_words_are_one_short_line() {
        assert_eq!(printable("no\x1b[2J\nsuch \u{9b}thing", 500), "no [2J such  thing");
        assert_eq!(printable(&"x".repeat(9_000), 500).len(), 500);
    }

    #[test]
    fn the_innermost_cause_is_told() {
        let error = io::Error::other(io::Error::other("no route to host"));
        assert_eq!(innermost(&error), "no route to host");
        assert_eq!(innermost(&io::Error::from(io::ErrorKind::TimedOut)), "timed out");
    }
}
