//! Finds out whether a log is as it was written. Needs lines and public keys, nothing else.
//!
//! A chain alone shows edits, deletions and reordering by someone who can't recompute it; a signed
//! head shows them to whoever can't sign; only a head or a number kept elsewhere ([`Expected`])
//! shows that the end was cut off.

mod finding;
#[cfg(test)]
mod tests;
mod walk;

use std::io::{self, BufRead, Read};

use jiff::Timestamp;

use crate::line::MAX_LINE;
pub use crate::sign::PublicKeys;
pub use finding::{Finding, Kind};
use walk::Walk;

/// The most findings that a report names; a log of another program has one per line.
const MAX_FINDINGS: usize = 1000;

/// What the log must contain, known from elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The least number of its last line, e.g. from a Nexus's status.
    pub seq: Option<u64>,
    /// A signed head, kept elsewhere: the log must contain exactly this line.
    pub head: Option<String>,
    /// The log was collected from standard output, where each start begins a new chain.
    pub restarts: bool,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Lines read.
    pub lines: u64,
    /// The highest number of the (last) chain.
    pub last_seq: u64,
    /// The last head whose signature is right.
    pub signed: Option<Signed>,
    /// If this is a later segment: the number of the line before it, which is in another file.
    pub continues: Option<u64>,
    /// The last line is unfinished: a crash, or a write in progress.
    pub torn: bool,
    /// What is wrong, in the order it was noticed; at most a thousand.
    pub findings: Vec<Finding>,
    /// How many findings are not named.
    pub unnamed: u64,
}

/// A head whose signature is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Its physical line, from 1: all lines before it are as they were.
    pub line: u64,
    /// Its number in the chain.
    pub seq: u64,
    /// When it was signed.
    pub time: Timestamp,
}

impl Report {
    /// True if nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Lines behind the last signed head: their end could be cut or rewritten unnoticed.
    pub fn unsigned(&self) -> u64 {
        self.lines - self.signed.map_or(0, |signed| signed.line)
    }

    fn add(&mut self, line: u64, kind: Kind) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding { line, kind });
        } else {
            self.unnamed += 1;
        }
    }
}

/// Reads a log from its first to its last line, in memory for two lines.
pub fn verify(mut log: impl BufRead, keys: &PublicKeys, expected: &Expected) -> io::Result<Report> {
    let mut walk = Walk::new(keys, expected);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = log.by_ref().take(MAX_LINE as u64 + 1);
        if limited.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let whole = line.pop_if(|last| *last == b'\n').is_some();
        if !whole && line.len() > MAX_LINE {
            log.skip_until(b'\n')?;
        }
        walk.line(&line, whole);
    }
    Ok(walk.end())
}
