//! A pattern of a policy, ready to be matched.
//!
//! Most patterns are a literal, perhaps with dots that nobody escaped, with at most `^` before it
//! and `$` or `.*` behind it. Those are compared byte by byte. The others are compiled when they are
//! first asked: a set of ten thousand policies is loaded without building twenty thousand engines.

mod glob;

use std::sync::OnceLock;

use regex::Regex;
use regex_syntax::hir::{Hir, HirKind};

use crate::re2::{self, BadPattern};
use glob::Glob;

/// A pattern and the quickest way to match it.
///
/// Its subjects are ASCII without line feeds, as identities and paths are.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    /// A text that every match contains; often empty.
    required: String,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Glob(Glob),
    /// Anything else: where it matches anywhere, and where it matches the whole subject.
    Search {
        anywhere: Lazy,
        whole: Lazy,
    },
}

/// Compiled when needed. `None` if it is too large, and then it matches nothing.
type Lazy = Box<OnceLock<Option<Regex>>>;

impl Pattern {
    /// Parses a pattern without compiling it.
    pub(super) fn parse(text: String) -> Result<Self, BadPattern> {
        let hir = re2::parse(&text)?;
        let pattern = match Glob::of(&hir) {
            Some(glob) => Self { text, required: glob.required(), shape: Shape::Glob(glob) },
            None => Self { text, required: required(&hir), shape: Shape::search() },
        };
        Ok(pattern)
    }

    /// Compiles it, to see whether it can be. Nothing is kept: most patterns are rarely asked.
    pub(super) fn check_size(&self) -> Result<(), BadPattern> {
        match self.shape {
            Shape::Glob(_) => Ok(()),
            Shape::Search { .. } => {
                re2::compile(&re2::parse(&self.text)?)?;
                re2::compile(&re2::parse(&whole(&self.text))?).map(drop)
            }
        }
    }

    /// The pattern as written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// A text that every match contains; the longest that is easily found, often empty.
    pub(super) fn required(&self) -> &str {
        &self.required
    }

    /// True if it matches anywhere in the subject: Go's `MatchString`.
    pub(super) fn matches(&self, subject: &str) -> bool {
        match &self.shape {
            Shape::Glob(glob) => glob.matches(subject),
            Shape::Search { anywhere, .. } => search(anywhere, &self.text, subject),
        }
    }

    /// True if `^(?:pattern)$` matches. For a pattern that says `^…$` that is the same.
    pub(super) fn describes(&self, subject: &str) -> bool {
        match &self.shape {
            Shape::Glob(glob) => glob.describes(subject),
            Shape::Search { whole: lazy, .. } => search(lazy, &whole(&self.text), subject),
        }
    }
}

impl Shape {
    fn search() -> Self {
        Self::Search { anywhere: Lazy::default(), whole: Lazy::default() }
    }
}

fn search(lazy: &Lazy, text: &str, subject: &str) -> bool {
    lazy.get_or_init(|| compile(text)).as_ref().is_some_and(|regex| regex.is_match(subject))
}

/// `^(?:pattern)$`.
fn whole(text: &str) -> String {
    format!("^(?:{text})$")
}

fn compile(text: &str) -> Option<Regex> {
    re2::parse(text).and_then(|hir| re2::compile(&hir)).ok()
}

/// The longest literal that is not within a group or a repetition.
fn required(hir: &Hir) -> String {
    let HirKind::Concat(parts) = hir.kind() else {
        return String::new();
    };
    let literals = parts.iter().filter_map(|part| match part.kind() {
        HirKind::Literal(literal) => str::from_utf8(&literal.0).ok(),
        _ => None,
    });
    literals.max_by_key(|literal| literal.len()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
