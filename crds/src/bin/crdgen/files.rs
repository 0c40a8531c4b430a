//! The files, written or compared.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::reference;

/// The head of a generated file.
const NOTE: &str = "Made by `make generate` of the types in crds/src/cluster. Change them instead.";

/// A file that is made.
struct Generated {
    path: &'static str,
    text: String,
}

/// Writes the files, or checks them.
pub(crate) fn run(args: &[String]) -> io::Result<ExitCode> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let files = [
        Generated { path: "crds/yaml/spikeclusters.spike.ist.yaml", text: definition() },
        Generated { path: "docs/reference/spikecluster.md", text: reference::page(NOTE) },
    ];
    match args {
        [] => write(&root, &files),
        [only] if only == "--check" => Ok(check(&root, &files)),
        _ => {
            eprintln!("usage: crdgen [--check]");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn definition() -> String {
    let yaml = serde_yaml::to_string(&spike_crds::definition()).expect("a definition is YAML");
    format!("# {NOTE}\n{yaml}")
}

fn write(root: &Path, files: &[Generated]) -> io::Result<ExitCode> {
    for Generated { path, text } in files {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check(root: &Path, files: &[Generated]) -> ExitCode {
    let is_old = |file: &&Generated| {
        fs::read_to_string(root.join(file.path)).unwrap_or_default() != file.text
    };
    let old: Vec<_> = files.iter().filter(is_old).collect();
    for file in &old {
        eprintln!("{} isn't what the types say: run `make generate`", file.path);
    }
    if old.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
