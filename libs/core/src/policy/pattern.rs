//! A pattern of a policy, ready to be matched.
//!
//! Most patterns are a literal with at most `^` before it and `$` or `.*` behind it. Those are
//! compared as texts. The others are compiled when they are first asked: a set of ten thousand
//! policies is loaded without building twenty thousand engines.

use std::sync::OnceLock;

use regex::Regex;
use regex_syntax::hir::{Dot, Hir, HirKind, Look};

use crate::re2::{self, BadPattern};

/// A pattern and the quickest way to match it. Its subjects have no line feed.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    /// A literal with something before and behind it.
    Simple { anchored: bool, literal: String, tail: Tail },
    /// Anything else.
    Search { required: String, anywhere: Lazy, whole: Lazy },
}

/// What is behind the literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    /// Nothing: the match may end in the midst of the subject.
    Open,
    /// `$`.
    End,
    /// `.*`, with or without `$`.
    Any,
}

/// Compiled when needed. `None` if it is too large, and then it matches nothing.
type Lazy = Box<OnceLock<Option<Regex>>>;

impl Pattern {
    /// Parses a pattern without compiling it.
    pub(super) fn parse(text: String) -> Result<Self, BadPattern> {
        let shape = Shape::of(&re2::parse(&text)?);
        Ok(Self { text, shape })
    }

    /// Compiles it, to see whether it can be. Nothing is kept: most patterns are rarely asked.
    pub(super) fn check_size(&self) -> Result<(), BadPattern> {
        match self.shape {
            Shape::Simple { .. } => Ok(()),
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

    /// True if it is written between `^` and `$`.
    pub(super) fn is_anchored(&self) -> bool {
        self.text.starts_with('^') && self.text.ends_with('$')
    }

    /// A text that every match contains; the longest that is easily found, often empty.
    pub(super) fn required(&self) -> &str {
        match &self.shape {
            Shape::Simple { literal, .. } => literal,
            Shape::Search { required, .. } => required,
        }
    }

    /// True if it matches anywhere in the subject: Go's `MatchString`.
    pub(super) fn matches(&self, subject: &str) -> bool {
        match &self.shape {
            Shape::Simple { anchored, literal, tail } => match (anchored, tail) {
                (true, Tail::End) => subject == literal,
                (true, Tail::Open | Tail::Any) => subject.starts_with(literal),
                (false, Tail::End) => subject.ends_with(literal),
                (false, Tail::Open | Tail::Any) => subject.contains(literal),
            },
            Shape::Search { anywhere, .. } => {
                let regex = anywhere.get_or_init(|| compile(&self.text));
                regex.as_ref().is_some_and(|regex| regex.is_match(subject))
            }
        }
    }

    /// True if `^(?:pattern)$` matches.
    pub(super) fn describes(&self, subject: &str) -> bool {
        match &self.shape {
            Shape::Simple { literal, tail: Tail::Any, .. } => subject.starts_with(literal),
            Shape::Simple { literal, .. } => subject == literal,
            Shape::Search { whole: lazy, .. } => {
                let regex = lazy.get_or_init(|| compile(&whole(&self.text)));
                regex.as_ref().is_some_and(|regex| regex.is_match(subject))
            }
        }
    }
}

fn whole(text: &str) -> String {
    format!("^(?:{text})$")
}

fn compile(text: &str) -> Option<Regex> {
    re2::parse(text).and_then(|hir| re2::compile(&hir)).ok()
}

impl Shape {
    fn of(hir: &Hir) -> Self {
        let parts = match hir.kind() {
            HirKind::Concat(parts) => parts.as_slice(),
            HirKind::Empty => &[],
            _ => std::slice::from_ref(hir),
        };
        let (anchored, rest) = match parts {
            [first, rest @ ..] if is_look(first, Look::Start) => (true, rest),
            _ => (false, parts),
        };
        let (literal, rest) = match rest {
            [first, rest @ ..] if text(first).is_some() => (text(first).unwrap_or_default(), rest),
            _ => ("", rest),
        };
        let tail = match rest {
            [] => Tail::Open,
            [end] if is_look(end, Look::End) => Tail::End,
            [any] if is_anything(any) => Tail::Any,
            [any, end] if is_anything(any) && is_look(end, Look::End) => Tail::Any,
            _ => {
                let required = parts.iter().filter_map(text).max_by_key(|text| text.len());
                return Self::Search {
                    required: required.unwrap_or_default().to_owned(),
                    anywhere: Lazy::default(),
                    whole: Lazy::default(),
                };
            }
        };
        Self::Simple { anchored, literal: literal.to_owned(), tail }
    }
}

fn text(part: &Hir) -> Option<&str> {
    match part.kind() {
        HirKind::Literal(literal) => str::from_utf8(&literal.0).ok(),
        _ => None,
    }
}

fn is_look(part: &Hir, look: Look) -> bool {
    *part.kind() == HirKind::Look(look)
}

/// `.*`. Subjects have no line feed, so `(?s)` makes no difference.
fn is_anything(part: &Hir) -> bool {
    let HirKind::Repetition(repetition) = part.kind() else {
        return false;
    };
    let dots = [Hir::dot(Dot::AnyCharExceptLF), Hir::dot(Dot::AnyChar)];
    repetition.min == 0 && repetition.max.is_none() && dots.contains(&repetition.sub)
}

#[cfg(test)]
mod tests;
