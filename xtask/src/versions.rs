//! Cargo.toml says the version of Spike and of its compiler; whatever repeats them says the same.

use std::fs;

use anyhow::Context;
use cargo_metadata::{Metadata, Package};

use crate::Finding;

/// Files that repeat Spike's version, and what stands before it there.
const OURS: [(&str, &str); 8] = [
    ("config/README.md", "ghcr.io/spike-rs/spike:"),
    ("config/argocd/application.yaml", "targetRevision: v"),
    ("config/chart/Chart.yaml", "\nversion: "),
    ("config/chart/Chart.yaml", "\nappVersion: "),
    ("config/flux/spike.yaml", "tag: v"),
    ("config/manager/deployment.yaml", "image: ghcr.io/spike-rs/spike:"),
    ("config/manager/deployment.yaml", "value: ghcr.io/spike-rs/spike:"),
    ("config/application/superuser.yaml", "image: ghcr.io/spike-rs/spike:"),
];

/// Files that repeat the compiler's.
const RUST: [(&str, &str); 5] = [
    (".github/workflows/kind.yml", "rustup toolchain install "),
    (".github/workflows/kind.yml", "rustup default "),
    ("Dockerfile", "FROM rust:"),
    ("README.md", "You need Rust "),
    ("scripts/setup.sh", "want_rust="),
];

/// Tells of every place that says another version.
pub(crate) fn check(workspace: &Metadata) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for place in places(workspace)? {
        let text = place.read()?;
        match place.corrected(&text) {
            None => {
                let problem =
                    format!("has no {:?} any more: see xtask/src/versions.rs", place.before);
                findings.push(Finding::new(place.file, problem));
            }
            Some(corrected) if corrected != text => {
                let problem = format!("says another version than {}: make generate", place.version);
                findings.push(Finding::new(place.file, problem));
            }
            Some(_) => {}
        }
    }
    Ok(findings)
}

/// Corrects every place.
pub(crate) fn write(workspace: &Metadata) -> anyhow::Result<()> {
    for place in places(workspace)? {
        let text = place.read()?;
        if let Some(corrected) = place.corrected(&text).filter(|corrected| *corrected != text) {
            fs::write(&place.path, corrected).with_context(|| format!("write {}", place.file))?;
        }
    }
    Ok(())
}

struct Place {
    file: &'static str,
    path: String,
    before: &'static str,
    version: String,
    /// What a version is made of there.
    made_of: fn(char) -> bool,
}

impl Place {
    fn read(&self) -> anyhow::Result<String> {
        fs::read_to_string(&self.path).with_context(|| format!("read {}", self.file))
    }

    /// The text with the right version in it; none if it has no place for it.
    fn corrected(&self, text: &str) -> Option<String> {
        let (start, rest) = text.split_once(self.before)?;
        let correct = |part: &str| {
            [self.before, &self.version, part.trim_start_matches(self.made_of)].concat()
        };
        Some(start.to_owned() + &rest.split(self.before).map(correct).collect::<String>())
    }
}

fn places(workspace: &Metadata) -> anyhow::Result<Vec<Place>> {
    let package: &Package =
        workspace.workspace_packages().into_iter().next().context("a workspace has a package")?;
    let ours = package.version.to_string();
    let rust = package.rust_version.as_ref().context("a package says its rust-version")?;
    let rust = format!("{}.{}", rust.major, rust.minor);
    let place = |(file, before), version: &str, made_of| Place {
        file,
        path: workspace.workspace_root.join(file).into_string(),
        before,
        version: version.to_owned(),
        made_of,
    };
    let ours = OURS.map(|at| place(at, &ours, |c| c.is_ascii_alphanumeric() || ".+-".contains(c)));
    // `rust:1.95-bookworm`
    let rust = RUST.map(|at| place(at, &rust, |c| c.is_ascii_digit() || c == '.'));
    Ok(ours.into_iter().chain(rust).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corrected(text: &str) -> Option<String> {
        let place = Place {
            file: "",
            path: String::new(),
            before: "image: spike:",
            version: "1.2.3".into(),
            made_of: |c| c.is_ascii_alphanumeric() || ".-".contains(c),
        };
        place.corrected(text)
    }

    #[test]
    fn every_version_after_the_words_is_the_right_one_then() {
        let text = "image: spike:0.1.0\nother: 0.1.0\nimage: spike:0.9-rc.1 .";
        let right = "image: spike:1.2.3\nother: 0.1.0\nimage: spike:1.2.3 .";
        assert_eq!(corrected(text).as_deref(), Some(right));
        assert_eq!(corrected(right).as_deref(), Some(right));
    }

    #[test]
    fn a_file_without_the_words_is_told_of() {
        assert_eq!(corrected("other: 0.1.0"), None);
    }
}
