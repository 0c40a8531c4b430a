//! What `config/` installs, as its two tools render it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde::Deserialize;
use serde_json::Value;
use spike_testbed_kubernetes::Tool;

/// Rendered objects by kind, namespace and name.
pub(crate) type Objects = BTreeMap<[String; 3], Value>;

pub(crate) fn config(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config").join(path)
}

pub(crate) fn run(tool: Tool, args: &[&str]) -> Output {
    let program = tool.path().expect("it is built");
    Command::new(program).args(args).output().expect("it runs")
}

fn rendered(tool: Tool, args: &[&str]) -> Objects {
    let output = run(tool, args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let documents = serde_yaml::Deserializer::from_str(&text);
    let values = documents.map(|document| Value::deserialize(document).expect("YAML"));
    values.filter(|value| !value.is_null()).map(|value| (name(&value), value)).collect()
}

fn name(object: &Value) -> [String; 3] {
    ["/kind", "/metadata/namespace", "/metadata/name"]
        .map(|at| object.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// The kustomize tree at `path`.
pub(crate) fn tree(path: &str) -> Objects {
    let folder = config(path);
    rendered(Tool::Kubectl, &["kustomize", folder.to_str().expect("UTF-8")])
}

/// A kustomization, with the tree at `path` instead of the `remote` one that it names.
pub(crate) fn overlaid(kustomization: &str, remote: &str, path: &str) -> Objects {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("overlaid-{path}"));
    fs::create_dir_all(&folder).expect("a folder");
    let folder = folder.canonicalize().expect("it is there");
    // No root may be absolute.
    let up = "../".repeat(folder.components().count() - 1);
    let tree = config(path).canonicalize().expect("it is there");
    let tree = up + tree.strip_prefix("/").expect("absolute").to_str().expect("UTF-8");
    let text = kustomization.replace(remote, &tree);
    fs::write(folder.join("kustomization.yaml"), text).expect("written");
    rendered(Tool::Kubectl, &["kustomize", folder.to_str().expect("UTF-8")])
}

/// The arguments that render the chart, with those that are said besides.
fn template<'a>(chart: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["template", "spike", chart, "--kube-version", "1.34.4"], more].concat()
}

/// The chart as it is installed.
pub(crate) fn chart(more: &[&str]) -> Objects {
    let folder = config("chart");
    rendered(Tool::Helm, &template(folder.to_str().expect("UTF-8"), more))
}

/// What Helm says to values that it doesn't take.
pub(crate) fn chart_refusal(more: &[&str]) -> String {
    let folder = config("chart");
    let output = run(Tool::Helm, &template(folder.to_str().expect("UTF-8"), more));
    assert!(!output.status.success(), "{more:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}
