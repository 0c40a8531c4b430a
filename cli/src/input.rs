//! Bytes from files and standard input: bounded, and wiped when dropped.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use zeroize::Zeroizing;

use crate::error::CliError;

/// The most that is read at once: more than Nexus takes in one request.
pub(crate) const MOST: usize = 8 << 20;

/// What a file holds.
pub(crate) fn file(path: &Path) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let name = path.display().to_string();
    File::open(path).map_err(|error| unreadable(&name, &error)).and_then(|file| all(file, &name))
}

/// What standard input holds, to its end.
pub(crate) fn stdin() -> Result<Zeroizing<Vec<u8>>, CliError> {
    all(io::stdin().lock(), "standard input")
}

/// A file, or standard input without one.
pub(crate) fn file_or_stdin(path: Option<&Path>) -> Result<Zeroizing<Vec<u8>>, CliError> {
    path.map_or_else(stdin, file)
}

fn all(from: impl Read, name: &str) -> Result<Zeroizing<Vec<u8>>, CliError> {
    // Never grown, so that no copy is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST + 1));
    let limit = u64::try_from(MOST + 1).expect("8 MiB fit");
    from.take(limit).read_to_end(&mut bytes).map_err(|error| unreadable(name, &error))?;
    if bytes.len() > MOST {
        return Err(CliError::usage(
            format!("{name} has more than {MOST} bytes"),
            "Give it in smaller pieces.",
        ));
    }
    Ok(bytes)
}

fn unreadable(name: &str, error: &io::Error) -> CliError {
    CliError::usage(format!("cannot read {name}: {error}"), "Check the file and its permissions.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_exact() {
        assert_eq!(all(io::repeat(7).take(MOST as u64), "x").map(|b| b.len()), Ok(MOST));
        assert!(all(io::repeat(7), "an endless file").is_err());
    }
}
