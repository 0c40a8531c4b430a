//! Checks of this workspace that no other tool makes: how long files and functions are, which crate may
//! depend on which, and that every file says the same version. Refuses to be a build system.

mod layers;
mod sizes;
mod versions;

use std::fmt;

use anyhow::Context;
use cargo_metadata::{Metadata, MetadataCommand};

/// Something to mend.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// A file with line, or a crate.
    pub place: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl Finding {
    fn new(place: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self { place: place.to_string(), problem: problem.to_string() }
    }
}

/// Runs every check over the workspace that this crate is built in.
pub fn check() -> anyhow::Result<Vec<Finding>> {
    let workspace = metadata()?;
    let mut findings = layers::check(&workspace);
    for package in workspace.workspace_packages() {
        let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
        findings.extend(sizes::check(folder.as_std_path())?);
    }
    findings.extend(versions::check(&workspace)?);
    Ok(findings)
}

/// Makes every file say the versions that Cargo.toml says.
pub fn write_versions() -> anyhow::Result<()> {
    versions::write(&metadata()?)
}

fn metadata() -> anyhow::Result<Metadata> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).no_deps().exec().context("cargo metadata")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_keeps_its_ceilings_layers_and_versions() {
        assert_eq!(check().expect("readable"), []);
    }
}
