//! Patterns that need no engine: `a/b`, `^a/b$`, `^a.b/.*$`.

use regex_syntax::hir::{Dot, Hir, HirKind, Look};

/// A literal with dots in it and something before and behind it.
#[derive(Debug)]
pub(super) struct Glob {
    /// Begins with `^`.
    anchored: bool,
    /// The literal, with [`ANY`] for dots.
    bytes: Vec<u8>,
    tail: Tail,
}

/// Stands for a dot. No subject has a line feed.
const ANY: u8 = b'\n';

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

impl Glob {
    /// The glob that a pattern is, if it is one.
    pub(super) fn of(hir: &Hir) -> Option<Self> {
        let parts = match hir.kind() {
            HirKind::Concat(parts) => parts.as_slice(),
            HirKind::Empty => &[],
            _ => std::slice::from_ref(hir),
        };
        let (anchored, parts) = match parts {
            [first, rest @ ..] if is_look(first, Look::Start) => (true, rest),
            _ => (false, parts),
        };
        let (tail, parts) = match parts {
            [rest @ .., any, end] if is_anything(any) && is_look(end, Look::End) => {
                (Tail::Any, rest)
            }
            [rest @ .., any] if is_anything(any) => (Tail::Any, rest),
            [rest @ .., end] if is_look(end, Look::End) => (Tail::End, rest),
            _ => (Tail::Open, parts),
        };
        let mut bytes = Vec::new();
        for part in parts {
            match part.kind() {
                HirKind::Literal(literal) if !literal.0.contains(&ANY) => bytes.extend(&literal.0),
                _ if is_dot(part) => bytes.push(ANY),
                _ => return None,
            }
        }
        Some(Self { anchored, bytes, tail })
    }

    /// The longest part of the literal that has no dot.
    pub(super) fn required(&self) -> String {
        let longest = self.bytes.split(|&byte| byte == ANY).max_by_key(|part| part.len());
        longest.and_then(|part| str::from_utf8(part).ok()).unwrap_or_default().to_owned()
    }

    /// True if it matches anywhere in the subject.
    pub(super) fn matches(&self, subject: &str) -> bool {
        let subject = subject.as_bytes();
        match (self.anchored, self.tail) {
            (true, Tail::End) => self.equals(subject),
            (true, Tail::Open | Tail::Any) => self.begins(subject),
            (false, Tail::End) => {
                let behind = subject.len().checked_sub(self.bytes.len());
                behind.and_then(|at| subject.get(at..)).is_some_and(|end| self.equals(end))
            }
            (false, Tail::Open | Tail::Any) => {
                (0..=subject.len()).any(|at| subject.get(at..).is_some_and(|end| self.begins(end)))
            }
        }
    }

    /// True if it matches the whole subject.
    pub(super) fn describes(&self, subject: &str) -> bool {
        match self.tail {
            Tail::Any => self.begins(subject.as_bytes()),
            Tail::Open | Tail::End => self.equals(subject.as_bytes()),
        }
    }

    fn begins(&self, subject: &[u8]) -> bool {
        subject.get(..self.bytes.len()).is_some_and(|start| self.equals(start))
    }

    fn equals(&self, subject: &[u8]) -> bool {
        self.bytes.len() == subject.len()
            && self
                .bytes
                .iter()
                .zip(subject)
                .all(|(&wanted, &byte)| wanted == ANY || wanted == byte)
    }
}

fn is_look(part: &Hir, look: Look) -> bool {
    *part.kind() == HirKind::Look(look)
}

/// `.`, with or without `(?s)`.
fn is_dot(part: &Hir) -> bool {
    [Hir::dot(Dot::AnyCharExceptLF), Hir::dot(Dot::AnyChar)].contains(part)
}

/// `.*`.
fn is_anything(part: &Hir) -> bool {
    match part.kind() {
        HirKind::Repetition(dots) => dots.min == 0 && dots.max.is_none() && is_dot(&dots.sub),
        _ => false,
    }
}
