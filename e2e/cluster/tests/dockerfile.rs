//! The Dockerfile works where Docker does: what it copies is there, and its last stage has what the
//! programs need.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use spike_testbed_kubernetes::{image::PROGRAMS, program};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The libraries of distroless/cc-debian12: those of Debian's libc6, libgcc-s1, libstdc++6, libssl3 and
/// libgomp1 that a program may name.
const DISTROLESS: [&str; 12] = [
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libcrypto.so.3",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libgomp.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libssl.so.3",
    "libstdc++.so.6",
];

/// What `.dockerignore` lets through.
fn context() -> BTreeSet<String> {
    let text = fs::read_to_string(Path::new(ROOT).join(".dockerignore")).expect("read");
    assert!(text.lines().any(|line| line == "*"), "everything else is left out");
    text.lines().filter_map(|line| line.strip_prefix('!')).map(str::to_owned).collect()
}

#[test]
fn every_member_of_the_workspace_is_in_the_build() {
    let context = context();
    let manifest = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).expect("read");
    let (_, members) = manifest.split_once("members = [").expect("a workspace");
    let (members, _) = members.split_once("\n]").expect("they end");
    let members = members.lines().filter_map(|line| line.split('"').nth(1));
    for member in members {
        let folder = member.split('/').next().unwrap_or_default();
        assert!(
            context.contains(folder),
            "{member} isn't in .dockerignore: cargo needs its manifest"
        );
    }
}

#[test]
fn every_file_that_a_program_includes_is_in_the_build() {
    let context = context();
    let root = fs::canonicalize(ROOT).expect("it is here");
    let mut found = 0;
    for folder in context.iter().map(|name| root.join(name)).filter(|path| path.is_dir()) {
        for (file, included) in included(&folder) {
            let path = file.parent().expect("a folder").join(&included);
            let path = fs::canonicalize(&path);
            let path = path.unwrap_or_else(|why| panic!("{}: {included}: {why}", file.display()));
            let inside = path.strip_prefix(&root).expect("a file of ours");
            let first = inside.components().next().expect("a name").as_os_str().to_string_lossy();
            assert!(context.contains(&*first), "{} includes {}", file.display(), inside.display());
            found += 1;
        }
    }
    assert!(found > 0, "programs include files");
}

/// Every file of Rust below a folder, tests left out, with the relative paths that it includes.
fn included(folder: &Path) -> Vec<(std::path::PathBuf, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("read").map(|entry| entry.expect("read").path()) {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        if entry.is_dir() && name != "tests" && name != "target" {
            all.extend(included(&entry));
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = fs::read_to_string(&entry).expect("read");
            for include in ["include_str!(\"", "include_bytes!(\"", "include!(\""] {
                let paths = text.split(include).skip(1).filter_map(|rest| rest.split('"').next());
                all.extend(paths.map(|path| (entry.clone(), path.to_owned())));
            }
        }
    }
    all
}

#[test]
fn distroless_has_every_library_that_a_program_needs() {
    for name in PROGRAMS {
        let program = program(name).expect("built");
        let out = Command::new("ldd").arg(program).output().expect("runs");
        let out = String::from_utf8(out.stdout).expect("text");
        for line in out.lines().filter(|line| !line.contains("vdso")) {
            let library = line.split_whitespace().next().expect("a name");
            let library = library.rsplit('/').next().expect("a name");
            assert!(DISTROLESS.contains(&library), "{name} needs {library}");
        }
    }
}
