//! A policy as it is written down in a YAML file.

use std::path::Path;

use serde::Deserialize;
use spike_core::wire::v1::PolicyPutRequest;

use crate::{error::CliError, input};

/// A policy in a file. Other fields are passed over, so that what `spike policy get -f yaml` prints
/// can be applied.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    name: String,
    spiffeid_pattern: String,
    path_pattern: String,
    permissions: Vec<String>,
}

/// Reads the policy from a YAML file; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<PolicyPutRequest, CliError> {
    let bytes = if path == Path::new("-") { input::stdin()? } else { input::file(path)? };
    parse(&bytes).map_err(|why| {
        CliError::usage(
            format!("{} is not a policy: {why}", path.display()),
            "It needs name, spiffeidPattern, pathPattern and permissions; see --help.",
        )
    })
}

fn parse(yaml: &[u8]) -> Result<PolicyPutRequest, serde_yaml::Error> {
    let Spec { name, spiffeid_pattern, path_pattern, permissions } = serde_yaml::from_slice(yaml)?;
    Ok(PolicyPutRequest { name, spiffeid_pattern, path_pattern, permissions })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DB: &str = r"
name: db-access
spiffeidPattern: ^spiffe://example\.org/service/.*$
pathPattern: ^secrets/database/production/.*$
permissions:
  - read
  - write
";

    #[test]
    fn spikes_own_example_is_read() {
        let policy = parse(DB.as_bytes()).expect("valid");
        assert_eq!(policy.name, "db-access");
        assert_eq!(policy.spiffeid_pattern, r"^spiffe://example\.org/service/.*$");
        assert_eq!(policy.permissions, ["read", "write"]);
    }

    #[test]
    fn a_missing_or_misspelt_field_is_named() {
        let misspelt = DB.replace("pathPattern", "pathpattern");
        let why = parse(misspelt.as_bytes()).expect_err("refused").to_string();
        assert!(why.contains("pathPattern"), "{why}");
    }
}
