//! docs/first-cluster.md holds: its commands are run as they are written, and print what it says.

use std::{env, path::Path, process::Command};

use spike_e2e::document;
use spike_testbed_kubernetes::program;

const DOCUMENT: &str = include_str!("../../../docs/first-cluster.md");

#[test]
#[ignore = "needs a cluster: make e2e starts one"]
fn every_command_of_the_first_cluster_does_what_the_document_says() {
    let steps = document::steps(DOCUMENT);
    assert!(steps.len() > 20, "the document lost its session: {steps:?}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let scratch = tempfile::tempdir().expect("a folder");
    let programs = program("kubectl-spike").expect("built");
    let path = env::var_os("PATH").unwrap_or_default();
    let path = programs.parent().map(Path::to_owned).into_iter().chain(env::split_paths(&path));
    // A copy: the session chooses a namespace in it.
    let kubeconfig = scratch.path().join("kubeconfig");
    let given = env::var_os("SPIKE_E2E_KUBECONFIG").expect("make e2e sets it");
    std::fs::copy(given, &kubeconfig).expect("copied");
    std::os::unix::fs::symlink(root.join("config"), scratch.path().join("config")).expect("linked");

    let mut shell = Command::new("sh");
    shell
        .current_dir(scratch.path())
        .env("PATH", env::join_paths(path).expect("no colons"))
        .env("KUBECONFIG", kubeconfig)
        .env("NO_COLOR", "1");
    document::check(&steps, shell).expect("as the document says");
}
