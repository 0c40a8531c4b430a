//! docs/recovery.md holds: its commands are run as they are written, and print what it says.

#![allow(clippy::indexing_slicing, clippy::panic, reason = "a test may")]

use std::{
    env, fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use age::{secrecy::ExposeSecret, x25519};
use spike_e2e::program;
use tempfile::TempDir;

const DOCUMENT: &str = include_str!("../../docs/recovery.md");

/// A command of the document and the lines that it is said to print.
#[derive(Debug)]
struct Step {
    command: String,
    printed: Vec<String>,
}

/// The commands in the document's `console` blocks: `$` begins one, `>` and an indent continue it.
fn steps(document: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in document.lines() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => read(line, &mut steps),
            _ => {}
        }
    }
    steps
}

fn read(line: &str, steps: &mut Vec<Step>) {
    if let Some(command) = line.strip_prefix("$ ") {
        steps.push(Step { command: command.to_owned(), printed: Vec::new() });
        return;
    }
    let step = steps.last_mut().expect("a block begins with a command");
    let goes_on = step.command.ends_with('\\');
    match line.strip_prefix("> ").or_else(|| line.strip_prefix("    ").filter(|_| goes_on)) {
        Some(more) => step.command.extend(["\n", more]),
        None => step.printed.push(line.to_owned()),
    }
}

/// True if a line of the output is the expected one, where `…` stands for anything.
fn is_printed(expected: &str, output: &str) -> bool {
    output.lines().any(|line| {
        let mut rest = Some(line);
        for part in expected.split('…') {
            rest = rest.and_then(|rest| rest.split_once(part)).map(|(_, rest)| rest);
        }
        rest.is_some() && (expected.contains('…') || line == expected)
    })
}

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
    let steps = steps(DOCUMENT);
    assert!(steps.len() > 20, "the document lost its drill: {steps:?}");
    let playground = Playground(TempDir::new().expect("a folder"));
    let folder = playground.0.path();
    let path = env::join_paths(
        [tools(folder)]
            .into_iter()
            .chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())),
    );

    let marked =
        steps.iter().enumerate().map(|(i, step)| format!("echo '@@{i}'\n{}\n", step.command));
    let text = format!("set -eu\nexec 2>&1\n{}echo '@@end'\n", marked.collect::<String>());
    let out = Command::new("sh")
        .args(["-c", &text])
        .current_dir(folder)
        .env("PATH", path.expect("no colons"))
        .env("NO_COLOR", "1")
        .env_remove("SPIKE_INSTANCE")
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && said.ends_with("@@end\n"), "{}: {said}", out.status);
    for (i, step) in steps.iter().enumerate() {
        let (_, rest) = said.split_once(&format!("@@{i}\n")).expect("it was reached");
        let (printed, _) = rest.split_once("@@").expect("it ended");
        for expected in &step.printed {
            assert!(
                is_printed(expected, printed),
                "{}\n{printed}\nlacks: {expected}",
                step.command
            );
        }
    }
}

#[test]
fn a_line_that_is_not_printed_is_missed() {
    assert!(is_printed("Shard 2: ok", "Set 1\nShard 2: ok\n"));
    assert!(!is_printed("Shard 2: ok", "Shard 2: ok?\n"));
    assert!(is_printed("…for age1…", "    a/1.age for age1xyz\n"));
    assert!(!is_printed("…for age1…", "    a/1.age for nobody\n"));
    assert!(!is_printed("root", "nothing\n"));
}
