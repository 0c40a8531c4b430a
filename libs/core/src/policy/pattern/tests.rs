//! The shortcuts give the answers that the engine would have given.

use serde::Deserialize;

use super::*;

const CORPUS: &str = include_str!("../../../tests/re2/corpus.jsonl");

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    inputs: Vec<String>,
    #[serde(default)]
    pattern: String,
}

/// The patterns of the RE2 corpus that are valid, and its inputs that can be subjects.
fn corpus() -> (Vec<String>, Vec<Pattern>) {
    let lines = || CORPUS.lines().map(|line| serde_json::from_str(line).expect("a line"));
    let subject = |input: &String| input.is_ascii() && !input.contains('\n');
    let inputs = lines().flat_map(|line: Line| line.inputs).filter(subject);
    let patterns = lines().skip(1).filter_map(|line: Line| Pattern::parse(line.pattern).ok());
    (inputs.collect(), patterns.collect())
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text.to_owned()).expect("valid")
}

#[test]
fn a_shape_matches_what_its_pattern_matches() {
    let (inputs, patterns) = corpus();
    for pattern in patterns {
        let engine = compile(pattern.as_str()).expect("small");
        for input in &inputs {
            let expected = engine.is_match(input);
            assert_eq!(pattern.matches(input), expected, "{pattern:?} on {input:?}");
        }
    }
}

#[test]
fn a_shape_describes_what_its_anchored_pattern_matches() {
    let (inputs, patterns) = corpus();
    for pattern in patterns {
        let Some(engine) = compile(&whole(pattern.as_str())) else {
            continue; // A pattern that ends in `\Q` swallows the parenthesis.
        };
        for input in &inputs {
            let expected = engine.is_match(input);
            assert_eq!(pattern.describes(input), expected, "{pattern:?} on {input:?}");
        }
    }
}

#[test]
fn whatever_matches_has_the_required_literal() {
    let (inputs, patterns) = corpus();
    let mut selective = 0;
    for pattern in patterns {
        selective += usize::from(!pattern.required().is_empty());
        for input in inputs.iter().filter(|input| pattern.matches(input)) {
            assert!(input.contains(pattern.required()), "{pattern:?} on {input:?}");
        }
    }
    assert!(selective > 300, "only {selective} patterns can be indexed");
}

#[test]
fn what_policies_usually_say_needs_no_engine() {
    for text in
        ["^a/b$", "a/b", "^a/b", "a/b$", "^a/.*$", "^a/.*", "a/.*", ".*", "^.*$", "^$", r"^a\.b$"]
    {
        assert!(matches!(pattern(text).shape, Shape::Glob(_)), "{text}");
    }
    for text in [r"^a\nb$", "^a/[a-z]+$", "^(a|b)$", "^a/.+$", "(?i)a", "^a/.*/b$", "a{2}"] {
        assert!(matches!(pattern(text).shape, Shape::Search { .. }), "{text}");
    }
}

#[test]
fn the_longest_literal_is_the_required_one() {
    let id = pattern("^spiffe://spike.ist/workload/app-1$");
    assert_eq!(id.required(), "ist/workload/app-1");
    assert_eq!(pattern("^(a|b)/tenants/[a-z]+/db$").required(), "/tenants/");
}

#[test]
fn a_pattern_that_is_too_large_matches_nothing() {
    let huge = pattern(r"(?:\pL{30}){30}|a");
    assert_eq!(huge.check_size(), Err(BadPattern::TooLarge));
    assert!(!huge.matches("a"));
    assert!(!huge.describes("a"));
}
