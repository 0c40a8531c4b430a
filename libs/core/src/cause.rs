//! What is at the bottom of an error.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_cause_is_told() {
        let error = io::Error::other(io::Error::other("no route to host"));
        assert_eq!(innermost(&error), "no route to host");
        assert_eq!(innermost(&io::Error::from(io::ErrorKind::TimedOut)), "timed out");
    }
}
