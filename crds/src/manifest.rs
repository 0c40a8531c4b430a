//! Reads a `SpikeCluster` from YAML, as `kubectl apply -f` would find it.
//!
//! Other documents in the file, such as a Namespace, are passed over. An unknown field is an error:
//! a misspelt `treshold` must not become the default.

use serde::Deserialize;
use serde_yaml::{Deserializer, Value};

use crate::SpikeCluster;

/// The group and version that this program reads.
pub const API_VERSION: &str = "spike.ist/v1alpha1";

const KIND: &str = "SpikeCluster";

/// Why there is no cluster to be had from a text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It isn't YAML, or a field has the wrong type; the position is in the text.
    #[error("document {document}: {source}")]
    Yaml {
        /// Which document of the file, from 1.
        document: usize,
        /// What the parser said.
        #[source]
        source: serde_yaml::Error,
    },
    /// Fields that a `SpikeCluster` doesn't have.
    #[error("unknown field{} {}: misspelt, or of another version?",
        if .0.len() == 1 { "" } else { "s" }, .0.join(", "))]
    UnknownFields(Vec<String>),
    /// The group or version is another one.
    #[error("apiVersion {found:?} of the {KIND}: this program reads {API_VERSION}")]
    Version {
        /// What is written.
        found: String,
    },
    /// No document is a `SpikeCluster`.
    #[error("there is no {KIND} in it: one is needed")]
    None,
    /// More than one document is a `SpikeCluster`.
    #[error("documents {} are {KIND}s: exactly one is needed",
        .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "))]
    Several(Vec<usize>),
}

/// Reads the one `SpikeCluster` of a YAML text.
pub fn read(text: &str) -> Result<SpikeCluster, ManifestError> {
    let mut found = Vec::new();
    for (at, document) in Deserializer::from_str(text).enumerate() {
        let value = Value::deserialize(document)
            .map_err(|source| ManifestError::Yaml { document: at + 1, source })?;
        if value.get("kind").and_then(Value::as_str) == Some(KIND) {
            found.push((at, value));
        }
    }
    let (at, value) = match found.as_slice() {
        [] => return Err(ManifestError::None),
        [one] => one,
        several => {
            return Err(ManifestError::Several(several.iter().map(|(at, _)| at + 1).collect()));
        }
    };
    match value.get("apiVersion").and_then(Value::as_str).unwrap_or_default() {
        API_VERSION => typed(text, *at),
        other => Err(ManifestError::Version { found: other.to_owned() }),
    }
}

/// Reads one document again, from its text: errors then say line and column.
fn typed(text: &str, at: usize) -> Result<SpikeCluster, ManifestError> {
    let document = Deserializer::from_str(text).nth(at).expect("it was there a moment ago");
    let mut unknown = Vec::new();
    let note = |path: serde_ignored::Path<'_>| {
        let path = plain(&path.to_string());
        // These two have been read, and the type has no place for them.
        if path != "apiVersion" && path != "kind" {
            unknown.push(path);
        }
    };
    let cluster = serde_ignored::deserialize(document, note)
        .map_err(|source| ManifestError::Yaml { document: at + 1, source })?;
    if unknown.is_empty() { Ok(cluster) } else { Err(ManifestError::UnknownFields(unknown)) }
}

/// A path as its author would write it: `serde_ignored` marks each optional field with a `?`.
fn plain(path: &str) -> String {
    path.split('.').filter(|part| *part != "?").collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICKSTART: &str = include_str!("../../config/samples/quickstart.yaml");

    fn refusal(text: &str) -> String {
        read(text).expect_err("refused").to_string()
    }

    #[test]
    fn the_quickstart_is_read_as_it_is_written() {
        let cluster = read(QUICKSTART).expect("valid");
        assert_eq!(cluster.metadata.name.as_deref(), Some("quickstart"));
        assert_eq!((cluster.spec.shamir.shares, cluster.spec.shamir.threshold), (3, 2));
        assert_eq!(cluster.spec.trust_domain, "spike.ist");
        assert!(cluster.spec.store.sqlite.is_some() && cluster.spec.identity.builtin.is_some());
    }

    #[test]
    fn unknown_fields_are_named_by_their_path() {
        let text =
            QUICKSTART.replace("threshold", "treshold").replace("store:", "store:\n    sqlit: {}");
        assert_eq!(
            refusal(&text),
            "unknown fields spec.store.sqlit, spec.shamir.treshold: misspelt, or of another version?"
        );
        let text = QUICKSTART.replace("  name:", "  nmae: x\n  name:");
        assert!(refusal(&text).starts_with("unknown field metadata.nmae:"), "{}", refusal(&text));
        let text = QUICKSTART.replace("builtin: {}", "builtin:\n      root: x");
        assert!(refusal(&text).starts_with("unknown field spec.identity.builtin.root:"));
    }

    #[test]
    fn a_wrong_type_is_told_with_field_line_and_column() {
        let refused = refusal(&QUICKSTART.replace("shares: 3", "shares: three"));
        assert!(refused.contains("spec.shamir.shares: invalid type: string"), "{refused}");
        assert!(refused.contains("line "), "{refused}");
    }

    #[test]
    fn exactly_one_cluster_is_wanted_among_other_documents() {
        let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n";
        assert!(read(&format!("{namespace}---\n{QUICKSTART}")).is_ok());
        assert_eq!(refusal(namespace), "there is no SpikeCluster in it: one is needed");
        let two = format!("{QUICKSTART}\n---\n{namespace}---\n{QUICKSTART}");
        assert_eq!(refusal(&two), "documents 1 and 3 are SpikeClusters: exactly one is needed");
    }

    #[test]
    fn another_version_and_a_broken_text_are_refused() {
        let other = refusal(&QUICKSTART.replace("v1alpha1", "v2"));
        assert_eq!(
            other,
            r#"apiVersion "spike.ist/v2" of the SpikeCluster: this program reads spike.ist/v1alpha1"#
        );
        assert!(refusal("a: [").starts_with("document 1: "), "{}", refusal("a: ["));
        assert_eq!(refusal(""), "there is no SpikeCluster in it: one is needed");
    }
}
