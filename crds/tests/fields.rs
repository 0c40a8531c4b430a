//! The fields of a `SpikeCluster`: what is published stays, and every one is tried.

#[allow(dead_code, reason = "each test uses its part")]
mod common;

use std::collections::BTreeSet;

use common::whole;
use serde_json::Value;
use spike_crds::{definition, manifest, validate};

/// Every field that was ever published, with all that a manifest can rest on.
const PUBLISHED: &str = include_str!("published.txt");

/// What a manifest says about a field, in the order of a line of [`PUBLISHED`].
const SAID: [&str; 16] = [
    "type",
    "format",
    "enum",
    "default",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "pattern",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-preserve-unknown-fields",
];

fn schema(part: &str) -> Value {
    let crd = serde_json::to_value(definition()).expect("JSON");
    let at = format!("/spec/versions/0/schema/openAPIV3Schema/properties/{part}");
    crd.pointer(&at).expect("it has both").clone()
}

/// Each field below, with its path and its schema.
fn fields(path: &str, schema: &Value, found: &mut Vec<(String, Value)>) {
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let at = format!("{path}.{name}");
        let mut said = field.clone();
        let needed = required.iter().any(|one| one == name.as_str());
        said.as_object_mut().expect("a schema").insert("required".to_owned(), needed.into());
        found.push((at.clone(), said));
        fields(&at, field, found);
    }
    if let Some(items) = schema.get("items") {
        let at = format!("{path}[]");
        found.push((at.clone(), items.clone()));
        fields(&at, items, found);
    }
}

fn all() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for part in ["spec", "status"] {
        fields(part, &schema(part), &mut found);
    }
    found
}

/// A field as a line. An object's default is that of its fields, to which one may be added.
fn line((path, field): &(String, Value)) -> String {
    let required = field.get("required") == Some(&Value::Bool(true));
    let is_object = field.get("type") == Some(&"object".into());
    let said = SAID.iter().filter(|key| !is_object || **key != "default");
    let said = said.filter_map(|key| Some(format!("{key}={}", field.get(*key)?)));
    let words = required.then(|| "required".to_owned()).into_iter().chain(said);
    std::iter::once(path.clone()).chain(words).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_published_field_stays_as_it_is() {
    let now: BTreeSet<_> = all().iter().map(line).collect();
    let published: BTreeSet<_> = PUBLISHED.lines().map(ToOwned::to_owned).collect();
    let lost: Vec<_> = published.difference(&now).collect();
    assert!(lost.is_empty(), "manifests that rest on these would break:\n{lost:#?}");
    let new: Vec<_> = now.difference(&published).cloned().collect();
    assert!(new.is_empty(), "add to crds/tests/published.txt:\n{}", new.join("\n"));
}

/// The paths of what a manifest sets.
fn set(path: &str, value: &Value, found: &mut BTreeSet<String>) {
    found.insert(path.to_owned());
    for (name, inner) in value.as_object().into_iter().flatten() {
        set(&format!("{path}.{name}"), inner, found);
    }
    for item in value.as_array().into_iter().flatten() {
        set(&format!("{path}[]"), item, found);
    }
}

#[test]
fn together_the_whole_manifests_set_every_field_and_each_can_work() {
    let mut seen = BTreeSet::new();
    for text in whole() {
        validate(&manifest::read(&text).expect("readable")).expect("it can work");
        set("spec", &serde_yaml::from_str::<Value>(&text).expect("YAML")["spec"], &mut seen);
    }
    let foreign = [".tolerations[]", ".extraIngress[]", "spec.store.s3", "spec.store.plugin"];
    let ours = |path: &String| !foreign.iter().any(|part| path.contains(part));
    let spec = all().into_iter().map(|(path, _)| path).filter(|path| path.starts_with("spec."));
    let untried: Vec<_> = spec.filter(ours).filter(|path| !seen.contains(path)).collect();
    assert_eq!(untried, [""; 0]);
}
