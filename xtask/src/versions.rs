//! Cargo.toml says the version of Spike and of its compiler; whatever repeats them says the same.

use std::fs;

use anyhow::Context;
use cargo_metadata::{
    Metadata, Package,
    camino::{Utf8Path, Utf8PathBuf},
};

use crate::Finding;

/// Where what is installed and what people read repeat Spike's version, and what stands before it.
const FOLDERS: [&str; 2] = ["config", "docs"];
const ANYWHERE: [&str; 4] = ["/spike:", "?ref=v", "image.tag=", "newTag: \""];

/// Files that repeat it after words of their own.
const OURS: [(&str, &str); 5] = [
    ("config/argocd/application.yaml", "targetRevision: v"),
    ("config/chart/Chart.yaml", "\nversion: "),
    ("config/chart/Chart.yaml", "\nappVersion: "),
    ("config/flux/spike.yaml", "tag: v"),
    ("docs/first-cluster.md", "sqlite   "),
];

/// Files that repeat the compiler's.
const RUST: [(&str, &str); 7] = [
    (".github/workflows/kind.yml", "rustup toolchain install "),
    (".github/workflows/kind.yml", "rustup default "),
    (".github/workflows/test.yml", "rustup toolchain install "),
    (".github/workflows/test.yml", "rustup default "),
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
                findings.push(Finding::new(&place.file, problem));
            }
            Some(corrected) if corrected != text => {
                let problem = format!("says another version than {}: make generate", place.version);
                findings.push(Finding::new(&place.file, problem));
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
    file: String,
    path: Utf8PathBuf,
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
        let mut parts = text.split(self.before);
        let mut corrected = parts.next()?.to_owned();
        let mut found = false;
        for part in parts {
            corrected += self.before;
            // `/spike:<version>` speaks of any.
            if part.starts_with(|c: char| c.is_ascii_digit()) {
                found = true;
                corrected += &self.version;
                corrected += part.trim_start_matches(self.made_of);
            } else {
                corrected += part;
            }
        }
        found.then_some(corrected)
    }
}

fn places(workspace: &Metadata) -> anyhow::Result<Vec<Place>> {
    let package: &Package =
        workspace.workspace_packages().into_iter().next().context("a workspace has a package")?;
    let ours = package.version.to_string();
    let rust = package.rust_version.as_ref().context("a package says its rust-version")?;
    let rust = format!("{}.{}", rust.major, rust.minor);
    let root = &workspace.workspace_root;
    let place = |file: &str, before, version: &str, made_of| Place {
        file: file.to_owned(),
        path: root.join(file),
        before,
        version: version.to_owned(),
        made_of,
    };
    let of_ours: fn(char) -> bool = |c| c.is_ascii_alphanumeric() || ".+-".contains(c);
    // `rust:1.95-bookworm`
    let of_rust: fn(char) -> bool = |c| c.is_ascii_digit() || c == '.';
    let mut places: Vec<_> = OURS.map(|(file, before)| place(file, before, &ours, of_ours)).into();
    places.extend(RUST.map(|(file, before)| place(file, before, &rust, of_rust)));
    for folder in FOLDERS {
        for path in files(&root.join(folder))? {
            let file = path.strip_prefix(root).context("a file of the workspace")?.as_str();
            let anywhere = ANYWHERE.map(|before| place(file, before, &ours, of_ours));
            let text = fs::read_to_string(&path).with_context(|| format!("read {file}"))?;
            let found = anywhere.into_iter().filter(|place| place.corrected(&text).is_some());
            places.extend(found);
        }
    }
    Ok(places)
}

/// All files below a folder.
fn files(folder: &Utf8Path) -> anyhow::Result<Vec<Utf8PathBuf>> {
    let mut files = Vec::new();
    for entry in folder.read_dir_utf8().with_context(|| format!("read {folder}"))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files.extend(self::files(entry.path())?);
        } else {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corrected(text: &str) -> Option<String> {
        let place = Place {
            file: String::new(),
            path: Utf8PathBuf::new(),
            before: "image: spike:",
            version: "1.2.3".into(),
            made_of: |c| c.is_ascii_alphanumeric() || ".-".contains(c),
        };
        place.corrected(text)
    }

    #[test]
    fn every_version_after_the_words_is_the_right_one_then() {
        let text =
            "image: spike:0.1.0\nother: 0.1.0 image: spike:<version>\nimage: spike:0.9-rc.1 .";
        let right = "image: spike:1.2.3\nother: 0.1.0 image: spike:<version>\nimage: spike:1.2.3 .";
        assert_eq!(corrected(text).as_deref(), Some(right));
        assert_eq!(corrected(right).as_deref(), Some(right));
    }

    #[test]
    fn a_file_without_the_words_is_told_of() {
        assert_eq!(corrected("other: 0.1.0"), None);
        assert_eq!(corrected("image: spike:<version>"), None);
    }
}
