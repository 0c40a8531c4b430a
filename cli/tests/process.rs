//! `spike` as a process among others: pipes, full disks, shells.

use std::{
    fs::{self, File},
    io,
    process::{Command, Output, Stdio},
};

fn spike(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spike"));
    command.env_clear().args(arguments);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    let out = spike(&["completion", "bash"]).stdout(writer).output().expect("spike runs");
    assert_eq!((out.status.code(), text(&out.stderr)), (Some(0), String::new()));
}

#[test]
fn a_full_disk_is_an_error() {
    let full = File::options().write(true).open("/dev/full").expect("Linux has it");
    let out = spike(&["completion", "bash"]).stdout(full).output().expect("spike runs");
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("cannot write to standard output"), "{out:?}");
}

#[test]
fn the_completion_script_is_one_that_bash_reads() {
    let Output { stdout, .. } = spike(&["completion", "bash"]).output().expect("spike runs");
    assert!(text(&stdout).contains("accept-rollback"));
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), stdout).expect("written");
    let read = Command::new("bash").arg("-n").arg(file.path()).status().expect("bash runs");
    assert!(read.success());
}

#[test]
fn every_command_has_a_man_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("man");
    let out = spike(&["man", dir.to_str().expect("UTF-8")]).output().expect("spike runs");
    assert!(out.status.success(), "{out:?}");
    for page in ["spike", "spike-secret-put", "spike-policy-test", "spike-operator-restore"] {
        let page = fs::read_to_string(dir.join(format!("{page}.1"))).expect(page);
        assert!(page.contains("SYNOPSIS"), "{page}");
    }
}

#[test]
fn a_wrong_environment_is_told_whole_and_by_name() {
    let out = spike(&["status"])
        .env("SPIKE_NEXUS_API_URL", "http://nexus:8553")
        .env("SPIKE_INSTANCE", "not-an-instance")
        .stdin(Stdio::null())
        .output()
        .expect("spike runs");
    assert_eq!(out.status.code(), Some(2));
    let told = text(&out.stderr);
    assert!(told.contains("SPIKE_NEXUS_API_URL") && told.contains("SPIKE_INSTANCE"), "{told}");
}

#[test]
fn a_variable_that_nothing_reads_is_warned_of_and_no_error() {
    let out = spike(&["status"])
        .env("SPIFFE_ENDPOINT_SOCKET", "unix:///nowhere/agent.sock")
        .env("SPIKE_NEXUS_API_ULR", "https://nexus:8553")
        .output()
        .expect("spike runs");
    assert_eq!(out.status.code(), Some(6));
    let told = text(&out.stderr);
    let warning = "Warning: nothing reads SPIKE_NEXUS_API_ULR; did you mean SPIKE_NEXUS_API_URL?\n";
    assert!(told.starts_with(warning), "{told}");
}
