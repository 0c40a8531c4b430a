//! docs/recovery.md holds: its commands are run as they are written, and print what it says.

#![allow(clippy::indexing_slicing, clippy::panic, reason = "a test may")]

use std::{
    env, fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use age::{secrecy::ExposeSecret, x25519};
use spike_e2e::{document, program};
use tempfile::TempDir;

const DOCUMENT: &str = include_str!("../../docs/recovery.md");

/// A folder of programs: `spike` on ports of this test's own, and `age-keygen` if there is none.
fn tools(folder: &Path) -> PathBuf {
    let bin = folder.join("bin");
    fs::create_dir(&bin).expect("made");
    let (spike, offset) = (program("spike"), free_offset());
    let spike = spike.display();
    script(
        &bin.join("spike"),
        &format!(
            "if [ \"$1 ${{2-}}\" = 'dev up' ]; then\n  shift 2\n  \
             exec {spike} dev up --port-offset={offset} \"$@\"\nfi\nexec {spike} \"$@\""
        ),
    );
    let path = env::var_os("PATH").unwrap_or_default();
    if !env::split_paths(&path).any(|dir| dir.join("age-keygen").is_file()) {
        keygen(&bin);
    }
    bin
}

/// An `age-keygen` that hands out keys of age's own library, each once.
fn keygen(bin: &Path) {
    let keys = bin.join("keys");
    fs::create_dir(&keys).expect("made");
    for i in 0..8 {
        let secret = x25519::Identity::generate();
        let (public, secret) = (secret.to_public(), secret.to_string());
        let text = format!("# public key: {public}\n{}\n", secret.expose_secret());
        fs::write(keys.join(i.to_string()), text).expect("written");
    }
    let keys = keys.display();
    script(
        &bin.join("age-keygen"),
        &format!(
            "case \"$1\" in\n\
             -o) mv \"$(ls -d {keys}/* | head -n 1)\" \"$2\" ;;\n\
             -y) sed -n 's/^# public key: //p' \"$2\" ;;\n\
             *) exit 2 ;;\nesac"
        ),
    );
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("made a program");
}

/// A shift of all ports under which every port of a cluster is free.
fn free_offset() -> u16 {
    let first = u16::try_from(std::process::id() % 97).expect("small") * 200;
    for step in 0..100 {
        let offset = 40_000 + (first + step * 100) % 9_000;
        let mut ports = (8443..8449).chain(8553..8555).map(|port| port + offset);
        if ports.all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return offset;
        }
    }
    panic!("no ports are free");
}

/// Stops what the document started, however the test ends.
struct Playground(TempDir);

impl Drop for Playground {
    fn drop(&mut self) {
        let mut stop = Command::new(program("spike"));
        let _ = stop.args(["dev", "stop"]).current_dir(self.0.path()).output();
    }
}

#[test]
fn every_command_of_the_drill_does_what_the_document_says() {
    let steps = document::steps(DOCUMENT);
    assert!(steps.len() > 20, "the document lost its drill: {steps:?}");
    let playground = Playground(TempDir::new().expect("a folder"));
    let folder = playground.0.path();
    let path = env::join_paths(
        [tools(folder)]
            .into_iter()
            .chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())),
    );
    let mut shell = Command::new("sh");
    shell
        .current_dir(folder)
        .env("PATH", path.expect("no colons"))
        .env("NO_COLOR", "1")
        .env_remove("SPIKE_INSTANCE");
    document::check(&steps, shell).expect("as the document says");
}
