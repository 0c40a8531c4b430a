//! Finds the patterns that can match a subject, by a literal that each of them requires.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// From required literals to the places of the patterns that require them.
#[derive(Debug)]
pub(super) struct Index {
    /// Finds literals in a subject. `None` if no pattern has one.
    literals: Option<AhoCorasick>,
    /// The patterns of each literal.
    lists: Vec<Vec<usize>>,
    /// The patterns without a literal.
    rest: Vec<usize>,
}

/// The places of patterns that can match a subject, each once.
pub(super) struct Candidates<'a> {
    lists: Vec<&'a [usize]>,
}

impl Index {
    /// Indexes patterns by the literal that each requires, which may be empty.
    pub(super) fn new<'p>(required: impl Iterator<Item = &'p str>) -> Self {
        let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, literal) in required.enumerate() {
            places.entry(literal).or_default().push(at);
        }
        let rest = places.remove("").unwrap_or_default();
        let literals = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .match_kind(MatchKind::Standard)
            .build(places.keys());
        Self {
            // A set of policies beyond 2³¹ characters would be refused: no store holds one.
            literals: literals.ok().filter(|found| found.patterns_len() > 0),
            lists: places.into_values().collect(),
            rest,
        }
    }

    /// The patterns that can match `subject`. All others don't.
    pub(super) fn candidates(&self, subject: &str) -> Candidates<'_> {
        let mut found: Vec<usize> = match &self.literals {
            Some(literals) => literals
                .find_overlapping_iter(subject)
                .map(|hit| hit.pattern().as_usize())
                .collect(),
            None => Vec::new(),
        };
        found.sort_unstable();
        found.dedup();
        let lists = found.into_iter().filter_map(|at| self.lists.get(at)).chain([&self.rest]);
        Candidates { lists: lists.map(Vec::as_slice).collect() }
    }
}

impl Candidates<'_> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.lists.iter().map(|list| list.len()).sum()
    }

    /// Each of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.lists.iter().flat_map(|list| list.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(index: &Index, subject: &str) -> Vec<usize> {
        let found = index.candidates(subject);
        let places: Vec<_> = found.iter().collect();
        assert_eq!(found.len(), places.len());
        places
    }

    #[test]
    fn a_pattern_is_a_candidate_once_however_often_its_literal_occurs() {
        let index = Index::new(["a/", "b", "", "a/", "a/a/"].into_iter());
        assert_eq!(candidates(&index, "a/a/a/"), [0, 3, 4, 2]);
        assert_eq!(candidates(&index, "c"), [2]);
    }

    #[test]
    fn without_a_literal_everything_is_a_candidate() {
        assert_eq!(candidates(&Index::new(["", ""].into_iter()), "a"), [0, 1]);
        assert_eq!(candidates(&Index::new([].into_iter()), "a"), [0; 0]);
    }
}
