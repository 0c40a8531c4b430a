//! A rule of the `SpikeCluster` that its schema can't say: once as CEL for the API server, once as
//! the sentence that everyone who refuses a manifest uses.

use serde_json::{Map, Value};

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it is called. Its examples lie in a folder of this name.
    pub name: &'static str,
    /// The parts of a manifest that it judges, as paths; empty for the whole.
    pub at: &'static [&'static str],
    /// The field to change, seen from there; empty for the part itself.
    pub field: &'static str,
    /// What must hold, in CEL.
    pub cel: &'static str,
    /// What is wrong and what to do, with `%d` for each of `numbers`.
    pub says: &'static str,
    /// The numbers of the sentence, in CEL.
    pub numbers: &'static [&'static str],
}

impl Rule {
    /// The sentence with its numbers.
    pub fn message(&self, numbers: &[i64]) -> String {
        let fill = |text: String, number: &i64| text.replacen("%d", &number.to_string(), 1);
        numbers.iter().fold(self.says.to_owned(), fill)
    }

    /// The field to change, in the part at `at`.
    pub fn path(&self, at: &str) -> String {
        if at.is_empty() { self.field.to_owned() } else { at.to_owned() + self.field }
    }

    /// Whether it judges a change. Only the API server has seen the cluster as it was.
    pub fn judges_changes(&self) -> bool {
        self.cel.contains("oldSelf")
    }

    /// It as an entry of `x-kubernetes-validations`.
    pub(crate) fn entry(&self, at: &str) -> Value {
        let mut entry = Map::from_iter([("rule".to_owned(), self.cel.into())]);
        if self.numbers.is_empty() {
            entry.insert("message".to_owned(), self.says.into());
        } else {
            // Numbers can't be concatenated: the API server then refuses the whole definition.
            let says = self.says.replace('\'', "\\'");
            let message = format!("'{says}'.format([{}])", self.numbers.join(", "));
            entry.insert("messageExpression".to_owned(), message.into());
        }
        // Of an object's metadata a schema knows nothing, so that a path into it is refused.
        if !at.is_empty() && !self.field.is_empty() {
            entry.insert("fieldPath".to_owned(), self.field.into());
        }
        Value::Object(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule {
        name: "few",
        at: &["spec.a"],
        field: ".b",
        cel: "self.b < self.c",
        says: "spec.a.b (%d) isn't less than spec.a.c (%d)",
        numbers: &["self.b", "self.c"],
    };

    #[test]
    fn numbers_are_filled_in_by_the_api_server_and_by_us_alike() {
        assert_eq!(RULE.message(&[7, 5]), "spec.a.b (7) isn't less than spec.a.c (5)");
        let entry = RULE.entry("spec.a");
        let formatted = r"'spec.a.b (%d) isn\'t less than spec.a.c (%d)'.format([self.b, self.c])";
        assert_eq!(entry["messageExpression"], formatted);
        assert_eq!(entry["fieldPath"], ".b");
    }

    #[test]
    fn every_sentence_has_a_place_for_each_number() {
        for rule in crate::RULES {
            assert_eq!(rule.says.matches("%d").count(), rule.numbers.len(), "{}", rule.name);
        }
    }
}
