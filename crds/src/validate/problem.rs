//! What is wrong with a manifest.

use std::fmt;

use crate::rule::Rule;

/// One thing that can't work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field to change.
    pub field: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Problem {
    /// A word for a condition's reason.
    pub fn reason(&self) -> &'static str {
        if self.field.contains(".podOverrides") { "InvalidOverride" } else { "InvalidSpec" }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// All that was found so far.
#[derive(Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

impl Problems {
    /// What only a schema says, in our words.
    pub(super) fn require(
        &mut self,
        holds: bool,
        field: impl Into<String>,
        message: impl FnOnce() -> String,
    ) {
        if !holds {
            self.0.push(Problem { field: field.into(), message: message() });
        }
    }

    /// A rule that judges one part only.
    pub(super) fn obey(&mut self, rule: &Rule, holds: bool, numbers: &[i64]) {
        let at = rule.at.first().copied().unwrap_or_default();
        self.obey_at(at, rule, holds, numbers);
    }

    /// A rule, of the part at `at`.
    pub(super) fn obey_at(&mut self, at: &str, rule: &Rule, holds: bool, numbers: &[i64]) {
        self.require(holds, rule.path(at), || rule.message(numbers));
    }

    pub(super) fn within(&mut self, field: &str, value: i64, least: i64, most: i64) {
        self.require((least..=most).contains(&value), field, || {
            format!("{field} ({value}) must be {least} to {most}")
        });
    }

    /// A rule by which exactly one of several is set: that one.
    pub(super) fn one_of<T: Copy>(&mut self, rule: &Rule, set: &[Option<T>]) -> Option<T> {
        let mut chosen = set.iter().flatten();
        let (first, second) = (chosen.next(), chosen.next());
        self.obey(rule, first.is_some() && second.is_none(), &[]);
        first.copied()
    }
}
