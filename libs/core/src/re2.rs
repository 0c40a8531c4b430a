//! RE2 as Go's `regexp` understands it, on the engine of the `regex` crate.
//!
//! SPIKE's policies are written for Go. The two syntaxes look alike and differ in what a policy may
//! rest on: `\d`, `\w`, `\s` and `\b` are ASCII in Go, `{` may stand for itself, `[`, `&&`, `--` and
//! `~~` mean nothing in a class, `\Q…\E` quotes, `a**` is an error. So patterns are parsed here, by
//! Go's rules, and only the result is given to the engine.
//!
//! It doesn't capture and doesn't search for the best match: a policy asks whether there is one.
//!
//! # Source
//!
//! `regexp/syntax` of Go 1.26, flags `syntax.Perl`. A corpus made by Go's own engine pins it
//! (`tests/re2`).

mod class;
mod escape;
mod parser;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::Hir;

/// How large a compiled pattern may be, in bytes. A policy's pattern takes a few thousand.
pub const SIZE_LIMIT: usize = 1 << 20;

/// How much memory the engine may take to speed a search up. Beyond that it is slower, not wrong.
const CACHE_LIMIT: usize = 1 << 16;

/// How deep groups and repetitions may nest. Go allows 1000; the stack is the limit here.
pub const MAX_DEPTH: u32 = 250;

/// The highest count of a repetition, and of all repetitions around one expression. RE2's limit.
const MAX_REPEAT: u32 = 1000;

/// Why a text is not a pattern, in the words of Go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadPattern {
    /// `[b-a]`, `\p{Nothing}`, `[[:nothing:]]`.
    #[error("invalid character class range")]
    ClassRange,
    /// `\8`, `\y`, `\C`, `\Z`.
    #[error("invalid escape sequence")]
    Escape,
    /// `(?P<a b>x)`.
    #[error("invalid named capture")]
    NamedCapture,
    /// `(?=x)`, `(?`.
    #[error("invalid or unsupported Perl syntax")]
    PerlSyntax,
    /// `a**`.
    #[error("invalid nested repetition operator")]
    NestedRepetition,
    /// `a{1001}`, `(a{100}){100}`, `a{2,1}`.
    #[error("invalid repeat count")]
    RepeatCount,
    /// `*a`, `(*)`.
    #[error("missing argument to repetition operator")]
    NothingToRepeat,
    /// `[a`.
    #[error("missing closing ]")]
    UnclosedClass,
    /// `(a`.
    #[error("missing closing )")]
    UnclosedGroup,
    /// `a)`.
    #[error("unexpected )")]
    UnopenedGroup,
    /// `a\`.
    #[error("trailing backslash at end of expression")]
    TrailingBackslash,
    /// Deeper than [`MAX_DEPTH`].
    #[error("expression nests too deeply")]
    TooDeep,
    /// Beyond [`SIZE_LIMIT`].
    #[error("expression is too large")]
    TooLarge,
}

/// Parses a pattern by Go's rules. Groups don't capture.
pub fn parse(pattern: &str) -> Result<Hir, BadPattern> {
    parser::parse(pattern)
}

/// Makes a matcher of what [`parse`] returned; `is_match` is then Go's `MatchString`.
pub fn compile(hir: &Hir) -> Result<Regex, BadPattern> {
    RegexBuilder::new(&hir.to_string())
        .nest_limit(MAX_DEPTH * LEVELS_PER_DEPTH)
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(CACHE_LIMIT)
        .build()
        .map_err(|_| BadPattern::TooLarge)
}

/// A group prints as at most a repetition of an alternation of concatenations.
const LEVELS_PER_DEPTH: u32 = 4;
