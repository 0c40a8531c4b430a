//! What can be wrong with a log, and where.

use std::fmt;

/// What is wrong, and on which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The physical line, from 1; 0 if it is of the whole log.
    pub line: u64,
    /// What is wrong there.
    pub kind: Kind,
}

/// What can be wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// It isn't what the line after it says it was, or its number isn't its place.
    Edited,
    /// It is not an audit line.
    Unreadable,
    /// None of the lines is an audit line.
    NotALog,
    /// Lines are missing before it.
    Missing {
        /// The first missing number.
        from: u64,
        /// The last missing number.
        to: u64,
    },
    /// It stands behind a line that was written after it.
    Moved,
    /// It is there already.
    Repeated,
    /// A new chain begins in the middle.
    Restarted,
    /// The signature of this head is wrong: it or a line before it was made by someone else.
    BadSignature {
        /// The key it names.
        key: u32,
    },
    /// This head is signed under a key that isn't known, or not signed at all.
    UnknownKey {
        /// The key it names.
        key: Option<u32>,
    },
    /// Keys were given, and nothing is signed: anyone could have written it.
    Unsigned,
    /// The log ends here, before the line that it must have.
    Truncated {
        /// The last number that is there.
        last: u64,
        /// The number that must be there.
        expected: u64,
    },
    /// The line with the expected head's number is another one.
    OtherHead {
        /// That number.
        seq: u64,
    },
    /// The expected head is not an audit line itself.
    BadExpectation,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.kind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edited => f.write_str("edited"),
            Self::Unreadable => f.write_str("not an audit line"),
            Self::NotALog => f.write_str("none of the lines is an audit line"),
            Self::Missing { from, to } if from == to => {
                write!(f, "deleted before it: number {from}")
            }
            Self::Missing { from, to } => write!(f, "deleted before it: numbers {from} to {to}"),
            Self::Moved => f.write_str("moved"),
            Self::Repeated => f.write_str("repeated"),
            Self::Restarted => f.write_str("a new chain begins in the middle of the log"),
            Self::BadSignature { key } => write!(f, "wrong signature under key {key}"),
            Self::UnknownKey { key: Some(key) } => {
                write!(f, "signed under key {key}, which is not known")
            }
            Self::UnknownKey { key: None } => f.write_str("a head without a signature"),
            Self::Unsigned => f.write_str("no signed head: anyone could have written it"),
            Self::Truncated { last, expected } => {
                write!(f, "truncated: ends with number {last}, must reach {expected}")
            }
            Self::OtherHead { seq } => write!(f, "number {seq} is not the expected head"),
            Self::BadExpectation => f.write_str("the expected head is not an audit line"),
        }
    }
}
