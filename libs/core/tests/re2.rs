//! Go's own engine decides what a pattern matches; this compares ours with it.
//!
//! `re2/corpus.jsonl` is made by `re2/gen`.

use regex::Regex;
use serde::Deserialize;
use spike_core::re2;

const CORPUS: &str = include_str!("re2/corpus.jsonl");

#[derive(Deserialize)]
struct Inputs {
    inputs: Vec<String>,
}

#[derive(Deserialize)]
struct Case {
    pattern: String,
    error: Option<String>,
    #[serde(default)]
    hits: String,
}

fn corpus() -> (Vec<String>, Vec<Case>) {
    let (first, rest) = CORPUS.split_once('\n').expect("two lines at least");
    let Inputs { inputs } = serde_json::from_str(first).expect("a line of inputs");
    let cases = rest.lines().map(|line| serde_json::from_str(line).expect("a case")).collect();
    (inputs, cases)
}

/// One digit per input, as the corpus has it.
fn hits(regex: &Regex, inputs: &[String]) -> String {
    inputs.iter().map(|input| if regex.is_match(input) { '1' } else { '0' }).collect()
}

/// How our answer to a case differs from Go's.
fn difference(case: &Case, inputs: &[String], ours: Result<Regex, String>) -> Option<String> {
    let Case { pattern, error, hits: expected } = case;
    match (error, ours) {
        (Some(_), Err(_)) => None,
        (Some(error), Ok(_)) => Some(format!("{pattern:?} is accepted; Go: {error}")),
        (None, Err(error)) => Some(format!("{pattern:?} is refused: {error}")),
        (None, Ok(regex)) => {
            let found = hits(&regex, inputs);
            let pairs = inputs.iter().zip(found.chars().zip(expected.chars()));
            let wrong: Vec<_> =
                pairs.filter(|(_, (a, b))| a != b).map(|(input, _)| input).collect();
            (found != *expected).then(|| format!("{pattern:?} is wrong on {wrong:?}"))
        }
    }
}

fn translated(pattern: &str) -> Result<Regex, String> {
    re2::parse(pattern).and_then(|hir| re2::compile(&hir)).map_err(|error| error.to_string())
}

#[test]
fn every_pattern_matches_what_it_matches_in_go() {
    let (inputs, cases) = corpus();
    let differences: Vec<_> = cases
        .iter()
        .filter_map(|case| difference(case, &inputs, translated(&case.pattern)))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn what_go_refuses_is_refused_for_the_same_reason() {
    let (_, cases) = corpus();
    for Case { pattern, error, .. } in &cases {
        let Some(error) = error else { continue };
        let ours = translated(pattern).expect_err("the test above");
        assert!(error.contains(&ours), "{pattern:?}: {ours}, but Go: {error}");
    }
}

#[test]
fn the_corpus_is_large_enough_to_mean_something() {
    let (inputs, cases) = corpus();
    let refused = cases.iter().filter(|case| case.error.is_some()).count();
    assert!(inputs.len() >= 90, "{} inputs", inputs.len());
    assert!(cases.len() - refused >= 1000 && refused >= 400, "{refused} of {}", cases.len());
}

#[test]
fn the_engine_alone_would_differ() {
    let (inputs, cases) = corpus();
    let differing = cases
        .iter()
        .filter(|case| {
            let alone = Regex::new(&case.pattern).map_err(|error| error.to_string());
            difference(case, &inputs, alone).is_some()
        })
        .count();
    assert!(differing >= 20, "only {differing}: the corpus doesn't test the translation");
}

#[test]
fn a_hostile_pattern_is_refused_before_it_costs_anything() {
    let nested = "(".repeat(5000) + &")".repeat(5000);
    assert_eq!(re2::parse(&nested), Err(re2::BadPattern::TooDeep));
    let huge = re2::parse(r"(?:\pL{30}){30}").expect("Go takes it");
    assert_eq!(re2::compile(&huge).map(drop), Err(re2::BadPattern::TooLarge));
}

#[test]
fn the_deepest_pattern_that_is_accepted_fits_on_the_stack() {
    let deepest = "(".repeat(124) + "a" + &")+".repeat(124);
    let regex = re2::parse(&deepest).and_then(|hir| re2::compile(&hir)).expect("deep enough");
    assert!(regex.is_match("a"));
}
