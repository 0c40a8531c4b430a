//! Finds out whether a log is as it was written. Needs lines and public keys, nothing else.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, BufRead},
};

use jiff::Timestamp;

/// The public keys that signed heads, by key id.
#[derive(Clone, Debug, Default)]
pub struct PublicKeys(BTreeMap<u32, [u8; 32]>);

impl PublicKeys {
    /// Adds a key.
    pub fn insert(&mut self, id: u32, key: [u8; 32]) {
        self.0.insert(id, key);
    }
}

/// What the log must at least reach, known from elsewhere; finds a cut-off end.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The last line's number, e.g. from a Nexus's status.
    pub seq: Option<u64>,
    /// A signed head's line, kept elsewhere: the log must contain exactly this line.
    pub head: Option<String>,
}

/// What is wrong, and on which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The physical line, from 1.
    pub line: u64,
    /// What is wrong.
    pub kind: Kind,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The line is not what the line after it says it was.
    Edited,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {:?}", self.line, self.kind)
    }
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Lines read.
    pub lines: u64,
    /// The last line's number in the chain.
    pub last_seq: u64,
    /// The last head whose signature is right: its number and time.
    pub signed_to: Option<(u64, Timestamp)>,
    /// True if the last line is incomplete: a crash, or a write in progress.
    pub torn: bool,
    /// What is wrong, in order of lines.
    pub findings: Vec<Finding>,
}

impl Report {
    /// True if nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Reads a log from its first to its last line.
pub fn verify(log: impl BufRead, keys: &PublicKeys, expected: &Expected) -> io::Result<Report> {
    unimplemented!("{} {} {:?}", log.lines().count(), keys.0.len(), expected)
}
