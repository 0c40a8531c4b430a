//! The reference page of `SpikeCluster`: every field as the schema has it, and every rule.

use std::fmt::Write;

use serde_json::{Map, Value};
use spike_crds::{RULES, definition};

/// Parts of Kubernetes' own kinds, described where they come from.
const FOREIGN: [(&str, &str); 4] = [
    ("spec.nexus.podOverrides.tolerations", "Toleration"),
    ("spec.keeper.podOverrides.tolerations", "Toleration"),
    ("spec.networkPolicy.extraIngress", "NetworkPolicyPeer"),
    ("status.conditions", "Condition"),
];

/// The whole page.
pub(crate) fn page(note: &str) -> String {
    let crd = serde_json::to_value(definition()).expect("a definition is JSON");
    let mut page = Page { text: format!("<!-- {note} -->\n\n{INTRODUCTION}") };
    for part in ["spec", "status"] {
        let at = format!("/spec/versions/0/schema/openAPIV3Schema/properties/{part}");
        page.part(part, crd.pointer(&at).expect("it has both"));
    }
    page.rules();
    page.text
}

const INTRODUCTION: &str = "\
# SpikeCluster

One secrets store: `spike.ist/v1alpha1`, namespaced, short name `spike` (`kubectl get spike`).
`spike dev` reads the same manifest, and names what a laptop can't do. `config/samples` has examples.

A field without a default may be left out unless it is *required*. Fields are only ever added: a
manifest that is valid today stays valid.

";

struct Page {
    text: String,
}

impl Page {
    /// A table of a part's fields, then the parts in it that have fields of their own.
    fn part(&mut self, path: &str, schema: &Value) {
        let _ = writeln!(self.text, "## `{path}`\n");
        if let Some(meaning) = schema["description"].as_str() {
            let _ = writeln!(self.text, "{}\n", inline(meaning));
        }
        self.table(path, schema);
        for (name, field) in properties(schema) {
            let inner = format!("{path}.{name}");
            if let Some(part) = parts(&inner, field) {
                let inner = if field["type"] == "array" { inner + "[]" } else { inner };
                self.part(&inner, part);
            }
        }
    }

    fn table(&mut self, path: &str, schema: &Value) {
        let fields = properties(schema);
        self.text.push_str("| field | type | default | meaning |\n| --- | --- | --- | --- |\n");
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (name, field) in fields {
            let inner = format!("{path}.{name}");
            let default = match &field["default"] {
                Value::Null if required.iter().any(|one| one == name) => "*required*".to_owned(),
                Value::Null | Value::Object(_) => String::new(),
                Value::String(text) => format!("`{text}`"),
                other => format!("`{other}`"),
            };
            let meaning = inline(field["description"].as_str().unwrap_or_default());
            let kind = kind(&inner, field);
            let _ = writeln!(self.text, "| `{name}` | {kind} | {default} | {meaning} |");
        }
        self.text.push('\n');
    }

    fn rules(&mut self) {
        self.text.push_str(
            "## Rules\n\nBesides types and ranges, a manifest must obey these. `kubectl apply` and \
             `spike dev` refuse it in the same words; `%d` is the number in question. Rules about \
             *changes* compare with the cluster as it was.\n\n| field | refused with | judges |\n\
             | --- | --- | --- |\n",
        );
        for rule in RULES {
            for at in rule.at {
                let judges = if rule.judges_changes() { "changes" } else { "manifests" };
                let (field, says) = (rule.path(at), inline(rule.says));
                let _ = writeln!(self.text, "| `{field}` | {says} | {judges} |");
            }
        }
    }
}

/// Text that stays in its cell.
fn inline(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|").replace('<', "&lt;")
}

fn properties(schema: &Value) -> Vec<(&String, &Value)> {
    let fields: Option<&Map<String, Value>> = schema["properties"].as_object();
    fields.map(|fields| fields.iter().collect()).unwrap_or_default()
}

/// The schema of the fields in a field, if they are ours to describe.
fn parts<'a>(path: &str, field: &'a Value) -> Option<&'a Value> {
    let within = if field["type"] == "array" { &field["items"] } else { field };
    let ours = foreign(path).is_none() && within["type"] == "object";
    let has_fields = within["properties"].is_object();
    (ours && has_fields).then_some(within)
}

fn foreign(path: &str) -> Option<&'static str> {
    FOREIGN.iter().find(|(at, _)| *at == path).map(|(_, kind)| *kind)
}

/// A field's type and range, in words.
fn kind(path: &str, field: &Value) -> String {
    if let Some(kind) = foreign(path) {
        return format!("list of Kubernetes' `{kind}`");
    }
    if field["x-kubernetes-int-or-string"] == true {
        return "quantity".to_owned();
    }
    match field["type"].as_str().unwrap_or_default() {
        "array" => list(path, field),
        "object" => object(path, field),
        "integer" => format!("integer{}", range(field)),
        "string" => text(field),
        other => other.to_owned(),
    }
}

fn list(path: &str, field: &Value) -> String {
    let most =
        field["maxItems"].as_u64().map(|most| format!("at most {most} ")).unwrap_or_default();
    let one = kind(&format!("{path}[]"), &field["items"]);
    let many = one.replacen("string", "strings", 1).replacen("[object]", "[objects]", 1);
    format!("list of {most}{many}")
}

/// An object, with the way to its own table.
fn object(path: &str, field: &Value) -> String {
    if field["additionalProperties"].is_object() {
        return "map of strings".to_owned();
    }
    if field["x-kubernetes-preserve-unknown-fields"] == true {
        return "object, as Kubernetes has it".to_owned();
    }
    if !field["properties"].is_object() {
        return "`{}`".to_owned();
    }
    // As GitHub makes anchors of headings.
    let letters = path.chars().filter(char::is_ascii_alphanumeric);
    let anchor: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    format!("[object](#{anchor})")
}

fn range(field: &Value) -> String {
    let bound = |name: &str| field[name].as_f64();
    match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) => format!(", {least} to {most}"),
        (Some(least), None) => format!(", at least {least}"),
        (None, Some(most)) => format!(", at most {most}"),
        (None, None) => String::new(),
    }
}

fn text(field: &Value) -> String {
    if let Some(values) = field["enum"].as_array() {
        let values = values.iter().filter_map(Value::as_str).map(|value| format!("`{value}`"));
        return values.collect::<Vec<_>>().join(", ");
    }
    if field["format"] == "date-time" {
        return "time".to_owned();
    }
    let most = field["maxLength"].as_u64();
    match (field["pattern"].as_str(), most) {
        (Some(pattern), _) => format!("string `{}`", pattern.replace('|', "\\|")),
        (None, Some(most)) => format!("string of at most {most} characters"),
        (None, None) => "string".to_owned(),
    }
}
