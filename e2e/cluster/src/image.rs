//! Container images without a container engine: files in, an OCI layout in a tar file out, which
//! `ctr images import` and `kind load image-archive` take.

mod layout;
mod libraries;
mod postgres;
mod spike;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};

pub use layout::{Content, Entry, Image};
pub use postgres::POSTGRES;
pub(crate) use postgres::{POSTGRES_USER, postgres};
pub use spike::{HOME, PROGRAMS, SEARCH_PATH, USER, spike};
pub(crate) use spike::{for_tests, tester};

/// The image of the process that holds a pod's namespaces.
pub(crate) const PAUSE: &str = "localhost/pause:1";

/// Writes the pause image into a folder; its file.
pub(crate) fn pause(folder: &Path) -> anyhow::Result<PathBuf> {
    let program = program("spike-pause")?;
    let mut entries = libraries::of(&program)?;
    entries.push(Entry::program("/pause", &program));
    let file = folder.join("pause.tar");
    Image {
        name: PAUSE,
        layers: vec![entries],
        user: "65535:65535",
        command: &["/pause"],
        path: "/",
        version: "1",
    }
    .write(&file)?;
    Ok(file)
}

/// Writes an image that holds one static program and runs it; its file.
pub(crate) fn of_static(name: &str, program: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let base =
        program.file_name().and_then(|name| name.to_str()).context("a program has a name")?;
    let target = format!("/{base}");
    let file = folder.join(format!("{base}.tar"));
    let layers = vec![vec![Entry::program(&target, program)]];
    let command: &[&str] = &[&target];
    Image { name, layers, user: "65532:65532", command, path: "/", version: "1" }.write(&file)?;
    Ok(file)
}

/// A program of this workspace, built beside the running one (or beside the running test).
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let own = env::current_exe()?;
    let found =
        own.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|p| p.exists());
    found.with_context(|| {
        format!("no {name} beside {}: run cargo build --workspace --bins", own.display())
    })
}

/// Copies a program without its debugging symbols, as the release profile does.
pub(crate) fn strip(program: &Path, into: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(into.parent().context("a file lies in a folder")?)?;
    let done = std::process::Command::new("strip").arg("-o").arg(into).arg(program).status();
    ensure!(done.context("run strip")?.success(), "strip {}", program.display());
    Ok(())
}
