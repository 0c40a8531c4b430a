//! Every rule accepts and refuses what its examples say, in the words that they say, as this
//! process sees it. `api_server.rs` asks Kubernetes the same.

#[allow(dead_code, reason = "each test uses its part")]
mod common;

use common::{examples, folders, shapes};
use kube_cel::{ValidationErrors, Validator};
use serde_json::{Value, json};
use spike_crds::{RULES, SpikeCluster, definition, manifest, validate};

fn read(text: &str) -> SpikeCluster {
    manifest::read(text).expect("readable")
}

/// What `validate` says to a manifest.
fn ours(text: &str) -> Vec<String> {
    let problems = validate(&read(text)).err().unwrap_or_default();
    problems.into_iter().map(|problem| problem.message).collect()
}

/// What the expressions of the definition say to a manifest, with what is left out filled in.
fn expressions(text: &str, before: Option<&String>) -> Vec<String> {
    let crd = serde_json::to_value(definition()).expect("JSON");
    let schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema").expect("it has one");
    let value = |text: &str| serde_json::to_value(read(text)).expect("JSON");
    let old: Option<Value> = before.map(|text| value(text));
    let judged = Validator::new().validate(schema, &value(text), old.as_ref());
    let errors = judged.err().map(ValidationErrors::into_vec).unwrap_or_default();
    errors.into_iter().map(|error| error.message).collect()
}

#[test]
fn every_rule_has_its_examples_and_every_example_its_rule() {
    let mut names: Vec<_> = RULES.iter().map(|rule| rule.name.to_owned()).collect();
    names.sort();
    assert_eq!(folders("rules"), names);
}

#[test]
fn the_expressions_judge_the_examples_as_they_say() {
    for example in examples() {
        let (name, before) = (example.rule.name, example.before.as_ref());
        assert_eq!(expressions(&example.accepted, before), [""; 0], "{name}");
        assert_eq!(expressions(&example.refused, before), [example.message], "{name}");
    }
}

#[test]
fn validate_says_the_same_sentences() {
    for example in examples() {
        let name = example.rule.name;
        assert_eq!(ours(&example.accepted), [""; 0], "{name}");
        if example.rule.judges_changes() {
            assert_eq!(ours(&example.refused), [""; 0], "{name}: only a change is refused");
        } else {
            assert_eq!(ours(&example.refused), [example.message], "{name}");
        }
    }
}

#[test]
fn validate_names_the_field_to_change() {
    for example in examples().iter().filter(|example| !example.rule.judges_changes()) {
        let problems = validate(&read(&example.refused)).expect_err(example.rule.name);
        let fields: Vec<_> = example.rule.at.iter().map(|at| example.rule.path(at)).collect();
        assert!(problems.iter().all(|problem| fields.contains(&problem.field)), "{problems:?}");
    }
}

#[test]
fn what_the_schema_alone_refuses_is_refused_by_validate_in_its_own_words() {
    for shape in shapes() {
        assert!(ours(&shape.refused).contains(&shape.ours), "{}", shape.name);
    }
}

#[test]
fn both_kinds_of_pod_have_their_overrides_judged() {
    for (part, other) in [("nexus", "keeper"), ("keeper", "nexus")] {
        for example in examples() {
            let moved = example.refused.replace(&format!("  {other}:"), &format!("  {part}:"));
            if moved.contains("podOverrides") {
                assert_eq!(ours(&moved), expressions(&moved, None));
                assert_eq!(ours(&moved), [example.message]);
            }
        }
    }
}

#[test]
fn an_affinity_that_is_none_is_refused_by_validate() {
    let mut cluster = read(&examples()[0].accepted);
    let wrong = json!({ "nodeAffinity": "anywhere" });
    let overrides = cluster.spec.keeper.pod_overrides.get_or_insert_default();
    overrides.affinity = wrong.as_object().cloned();
    let problems = validate(&cluster).expect_err("refused");
    assert_eq!(problems[0].field, "spec.keeper.podOverrides.affinity");
    assert_eq!(problems[0].reason(), "InvalidOverride");
}
