//! Where a secret lives.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

/// The longest path, in bytes. SPIKE's limit.
pub const MAX_LEN: usize = 500;

/// The path of a secret: 1 to 500 of `a-z A-Z 0-9 . _ - / ( ) ? + * | [ ] { } \`.
///
/// Paths are compared byte for byte: no case folding, no `..`, no doubled slash is interpreted, so
/// router, policy, store and audit can't disagree about what a path names.
///
/// # Source
///
/// SPIKE's validation of secret paths (`spike-sdk-go` v0.19.9).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretPath(Arc<str>);

/// Why a text is not a [`SecretPath`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPath {
    /// Nothing was given.
    #[error("a path needs at least one character")]
    Empty,
    /// More than [`MAX_LEN`] bytes.
    #[error("a path has at most {MAX_LEN} characters, this one has {0}")]
    TooLong(usize),
    /// A character outside the set, with its byte position.
    #[error("{character:?} at position {at} is not allowed in a path")]
    Character {
        /// The offender.
        character: char,
        /// Its byte offset.
        at: usize,
    },
}

impl SecretPath {
    /// The path as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// So that an ordered map of paths can be searched by a prefix, which need not be a path itself.
impl Borrow<str> for SecretPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretPath {
    type Err = InvalidPath;

    fn from_str(raw: &str) -> Result<Self, InvalidPath> {
        if raw.is_empty() {
            return Err(InvalidPath::Empty);
        }
        if let Some((at, character)) = raw.char_indices().find(|&(_, c)| !allowed(c)) {
            return Err(InvalidPath::Character { character, at });
        }
        if raw.len() > MAX_LEN {
            return Err(InvalidPath::TooLong(raw.len()));
        }
        Ok(Self(raw.into()))
    }
}

const fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(
            c,
            '.' | '_'
                | '-'
                | '/'
                | '('
                | ')'
                | '?'
                | '+'
                | '*'
                | '|'
                | '['
                | ']'
                | '{'
                | '}'
                | '\\'
        )
}

impl fmt::Display for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_character_is_reported_where_it_is() {
        let refused = "tenants/a b".parse::<SecretPath>();
        assert_eq!(refused, Err(InvalidPath::Character { character: ' ', at: 9 }));
    }

    #[test]
    fn the_limit_is_five_hundred() {
        assert!("a".repeat(500).parse::<SecretPath>().is_ok());
        assert_eq!("a".repeat(501).parse::<SecretPath>(), Err(InvalidPath::TooLong(501)));
        assert_eq!("".parse::<SecretPath>(), Err(InvalidPath::Empty));
    }

    #[test]
    fn a_colon_is_left_for_verbs() {
        assert!("a:destroy".parse::<SecretPath>().is_err());
    }
}
