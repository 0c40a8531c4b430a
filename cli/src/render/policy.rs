//! Policies.

use std::fmt::Write;

use serde::Serialize;
use spike_core::wire::v1::PolicyGetResponse;
use zeroize::Zeroizing;

use crate::{format::View, output::Paint};

/// A policy, with the keys that `spike policy apply --file` reads.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Policy {
    name: String,
    spiffeid_pattern: String,
    path_pattern: String,
    permissions: Vec<String>,
    created_at: String,
    updated_at: String,
}

impl From<PolicyGetResponse> for Policy {
    fn from(policy: PolicyGetResponse) -> Self {
        Self {
            name: policy.name,
            spiffeid_pattern: policy.spiffeid_pattern,
            path_pattern: policy.path_pattern,
            permissions: policy.permissions.unwrap_or_default(),
            created_at: policy.created_at.0.to_string(),
            updated_at: policy.updated_at.0.to_string(),
        }
    }
}

impl View for Policy {
    fn human(&self, paint: Paint) -> Zeroizing<String> {
        let Self { name, spiffeid_pattern, path_pattern, permissions, created_at, updated_at } =
            self;
        Zeroizing::new(format!(
            "{}\n=============\n\nName: {name}\nSPIFFE ID Pattern: {spiffeid_pattern}\n\
             Path Pattern: {path_pattern}\nPermissions: {}\nCreated At: {created_at}\n\
             Updated At: {updated_at}\n",
            paint.bold("POLICY DETAILS"),
            permissions.join(", "),
        ))
    }
}

/// The names of policies, sorted.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Names(Vec<Item>);

#[derive(Debug, Serialize)]
struct Item {
    name: String,
}

impl From<Vec<String>> for Names {
    fn from(names: Vec<String>) -> Self {
        Self(names.into_iter().map(|name| Item { name }).collect())
    }
}

impl View for Names {
    fn human(&self, paint: Paint) -> Zeroizing<String> {
        if self.0.is_empty() {
            return Zeroizing::new("No policies found.".to_owned());
        }
        let mut text = format!("{}\n========\n\n", paint.bold("POLICIES"));
        for Item { name } in &self.0 {
            write!(text, "Name: {name}\n--------\n\n").expect("a String takes all text");
        }
        Zeroizing::new(text)
    }
}

#[cfg(test)]
mod tests {
    use spike_core::wire;

    use super::*;
    use crate::format::Format;

    #[test]
    fn a_policy_looks_as_spike_shows_it() {
        let recorded = br#"{"id":"","name":"db-read","spiffiedPattern":"^spiffe://x/.*$",
            "pathPattern":"^t/.*$","permissions":["read","list"],
            "createdAt":"2026-11-21T08:24:13Z","updatedAt":"2026-11-21T08:24:14Z"}"#;
        let policy = Policy::from(wire::decode::<PolicyGetResponse>(recorded).expect("valid"));
        assert_eq!(
            policy.human(Paint::PLAIN).as_str(),
            "POLICY DETAILS\n=============\n\nName: db-read\nSPIFFE ID Pattern: ^spiffe://x/.*$\n\
             Path Pattern: ^t/.*$\nPermissions: read, list\nCreated At: 2026-11-21T08:24:13Z\n\
             Updated At: 2026-11-21T08:24:14Z\n"
        );
        let yaml = Format::Yaml.render(&policy, Paint::PLAIN).expect("printable");
        assert!(yaml.contains("spiffeidPattern: ^spiffe://x/.*$\n"), "{}", *yaml);
    }

    #[test]
    fn no_policies_are_an_empty_list_to_programs() {
        let none = Names::from(vec![]);
        assert_eq!(*Format::Json.render(&none, Paint::PLAIN).expect("printable"), "[]");
        assert_eq!(none.human(Paint::PLAIN).as_str(), "No policies found.");
    }
}
