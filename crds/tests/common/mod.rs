//! The examples: a folder for each rule, and one for each thing that the schema alone refuses.

use std::{fs, path::PathBuf};

use spike_crds::{RULES, Rule};

/// A rule with the manifests that show what it is about.
pub(crate) struct Example {
    pub(crate) rule: &'static Rule,
    /// The cluster as it was, if the rule is about changes.
    pub(crate) before: Option<String>,
    pub(crate) accepted: String,
    pub(crate) refused: String,
    pub(crate) message: String,
}

/// A manifest that the schema refuses, and what we say to it.
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) refused: String,
    pub(crate) ours: String,
}

pub(crate) fn examples() -> Vec<Example> {
    RULES.iter().map(example).collect()
}

fn example(rule: &'static Rule) -> Example {
    let file = |name: &str| read(&format!("rules/{}/{name}", rule.name));
    Example {
        rule,
        before: rule.judges_changes().then(|| file("before.yaml")),
        accepted: file("accepted.yaml"),
        refused: file("refused.yaml"),
        message: file("message.txt").trim_end().to_owned(),
    }
}

pub(crate) fn shapes() -> Vec<Shape> {
    let shape = |name: String| Shape {
        refused: read(&format!("shapes/{name}/refused.yaml")),
        ours: read(&format!("shapes/{name}/ours.txt")).trim_end().to_owned(),
        name,
    };
    folders("shapes").into_iter().map(shape).collect()
}

/// Manifests that together set every field.
pub(crate) fn whole() -> Vec<String> {
    folders("whole").iter().map(|name| read(&format!("whole/{name}"))).collect()
}

/// What is in a folder, by name.
pub(crate) fn folders(of: &str) -> Vec<String> {
    let entries = fs::read_dir(at(of)).expect("a folder of examples");
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("ours");
    let mut names: Vec<_> = entries.map(|entry| name(entry.expect("readable"))).collect();
    names.sort();
    names
}

fn read(path: &str) -> String {
    fs::read_to_string(at(path)).expect(path)
}

fn at(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests")).join(path)
}
