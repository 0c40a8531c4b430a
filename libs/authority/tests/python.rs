//! The development authority, seen by a foreign client: `spiffe` of `PyPI`.
//!
//! Needs `python3` (3.10 or later) with `venv`, and on the first run the package index. What is
//! installed is pinned by hash and stays in the target directory.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use spike_authority::dev::{Authority, AuthorityConfig};

const REQUIREMENTS: &str = include_str!("python/requirements.txt");

fn run(what: &str, command: &mut Command) -> String {
    let output = command.output();
    let output = match output {
        Err(why) if why.kind() == ErrorKind::NotFound => {
            Err(format!("{} is not installed", command.get_program().display()))
        }
        other => other.map_err(|why| why.to_string()),
    };
    let output = output.expect("python3 with venv and pip is needed to test with a foreign client");
    assert!(
        output.status.success(),
        "{what} failed; python3 with venv and pip, and once the package index, are needed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The interpreter of a virtual environment with the pinned packages.
fn python(tests: &Path) -> PathBuf {
    let mut pins = DefaultHasher::new();
    REQUIREMENTS.hash(&mut pins);
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let ready = base.join(format!("python-{:016x}", pins.finish()));
    let python = ready.join("bin/python");
    if !ready.join("complete").exists() {
        // What an interrupted run left is no use.
        let _ = fs::remove_dir_all(&ready);
        run("python3 -m venv", Command::new("python3").args(["-m", "venv"]).arg(&ready));
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        pip.args(["--require-hashes", "--only-binary", ":all:", "--requirement"]);
        run("pip install", pip.arg(tests.join("requirements.txt")));
        fs::write(ready.join("complete"), "").expect("written");
    }
    python
}

#[test]
fn a_python_workload_gets_and_follows_its_svid() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let python = python(&tests);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let dir = tempfile::tempdir().expect("a directory");
    let config = AuthorityConfig {
        svid_ttl: Duration::from_secs(6),
        ..AuthorityConfig::new("test.example", dir.path().join("s"))
    };
    let id = "spiffe://test.example/workload/python";
    let (authority, socket) = runtime.block_on(async {
        let authority = Authority::start(config).await.expect("a root");
        let socket = authority.serve("python", id.parse().expect("an ID")).await.expect("serves");
        (authority, socket)
    });

    let mut client = Command::new(python);
    client.arg(tests.join("client.py")).arg(format!("unix://{}", socket.display())).arg(id);
    let line = run("the Python client", &mut client);
    assert!(line.contains(id) && line.contains("rotated"), "{line}");
    runtime.block_on(authority.stop());
}
