//! A policy as someone wrote it: by flags or in a YAML file.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};
use spike_core::{
    Policy,
    policy::{Permission, PolicyFields},
    wire::v1::PolicyPutRequest,
};

use crate::{error::CliError, input, output};

/// A policy in a file. A field that isn't known is refused: passed over, `effect: deny` would
/// grant what it was written to forbid.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    name: String,
    spiffeid_pattern: String,
    path_pattern: String,
    permissions: Vec<String>,
    // Nexus' to give, and in what `spike policy get -f yaml` prints, which can be applied.
    #[serde(rename = "createdAt")]
    _created_at: Option<IgnoredAny>,
    #[serde(rename = "updatedAt")]
    _updated_at: Option<IgnoredAny>,
}

impl From<File> for PolicyFields {
    fn from(File { name, spiffeid_pattern, path_pattern, permissions, .. }: File) -> Self {
        Self { name, spiffeid_pattern, path_pattern, permissions }
    }
}

/// Reads a policy from a YAML file; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<PolicyFields, CliError> {
    let bytes = if path == Path::new("-") { input::stdin()? } else { input::file(path)? };
    serde_yaml::from_slice::<File>(&bytes).map(PolicyFields::from).map_err(|why| {
        CliError::usage(
            format!("{} is not a policy: {why}", path.display()),
            "It has name, spiffeidPattern, pathPattern and permissions, all of them and nothing else; \
             see --help.",
        )
    })
}

/// Checks a policy as Nexus will, so that a mistake is told by its field and before anything is
/// asked.
pub(super) fn check(fields: PolicyFields) -> Result<PolicyPutRequest, CliError> {
    // The times are Nexus' to give.
    let checked = Policy::new(fields.clone(), Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
    checked.map_err(|wrong| {
        CliError::usage(format!("not a policy: {wrong}"), "Correct it; see --help for an example.")
    })?;
    let PolicyFields { name, spiffeid_pattern, path_pattern, permissions } = fields;
    Ok(PolicyPutRequest { name, spiffeid_pattern, path_pattern, permissions })
}

/// Warns of a pattern that means more than it may look like: without an anchor it matches in the
/// middle of a text as well.
pub(super) fn warn_of_loose_ends(policy: &PolicyPutRequest) {
    let patterns =
        [("spiffeidPattern", &policy.spiffeid_pattern), ("pathPattern", &policy.path_pattern)];
    for (field, pattern) in patterns.into_iter().filter(|(_, pattern)| !is_anchored(pattern)) {
        output::warn(&format!(
            "{field} {pattern} matches longer texts, too: only ^ at its start and $ at its end \
             make it match whole ones"
        ));
    }
}

/// True if the pattern says itself what may be around it.
fn is_anchored(pattern: &str) -> bool {
    let starts = pattern.starts_with('^') || pattern.starts_with(".*");
    let ends = pattern.ends_with('$') && !pattern.ends_with("\\$") || pattern.ends_with(".*");
    starts && ends
}

/// Permissions as they are written.
pub(super) fn names(permissions: &[Permission]) -> Vec<String> {
    permissions.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::error::Exit;

    const DB: &str = r"
name: db-access
spiffeidPattern: ^spiffe://example\.org/service/.*$
pathPattern: ^secrets/database/production/.*$
permissions:
  - read
  - write
";

    fn apply(yaml: &str) -> Result<PolicyPutRequest, CliError> {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(yaml.as_bytes()).expect("written");
        check(read(file.path())?)
    }

    #[test]
    fn spikes_own_example_is_read() {
        let policy = apply(DB).expect("valid");
        assert_eq!(policy.name, "db-access");
        assert_eq!(policy.spiffeid_pattern, r"^spiffe://example\.org/service/.*$");
        assert_eq!(policy.permissions, ["read", "write"]);
    }

    #[test]
    fn what_get_prints_can_be_applied() {
        let printed =
            format!("{DB}createdAt: 2026-11-21T08:24:13Z\nupdatedAt: 2026-11-21T08:24:14Z\n");
        assert_eq!(apply(&printed), apply(DB));
    }

    #[test]
    fn what_a_policy_does_not_have_is_refused_by_name() {
        for (line, field) in [("effect: deny", "`effect`"), ("permisions: [read]", "`permisions`")]
        {
            let refused = apply(&format!("{DB}{line}\n")).expect_err(line);
            let CliError::Told { exit, what, .. } = refused else { panic!("untold") };
            assert_eq!(exit, Exit::Usage);
            assert!(what.contains(&format!("unknown field {field}")), "{what}");
        }
    }

    #[test]
    fn a_pattern_with_a_loose_end_is_noticed() {
        for whole in ["^spiffe://x/a$", "^t/.*$", "^t/.*", ".*", ".*/db$"] {
            assert!(is_anchored(whole), "{whole}");
        }
        for loose in ["spiffe://x/a", "^spiffe://x/acme", "t/.*$", r"^t/\$", ""] {
            assert!(!is_anchored(loose), "{loose}");
        }
    }

    #[test]
    fn a_mistake_is_told_by_its_field() {
        for (from, to, field) in [
            ("pathPattern", "pathpattern", "pathPattern"),
            ("^spiffe://", "https://", "spiffeidPattern"),
            ("production/.*", "production/(", "pathPattern"),
            ("- write", "- wirte", "permissions"),
        ] {
            let error = apply(&DB.replace(from, to)).expect_err(to).to_string();
            assert!(error.contains(field), "{error}");
        }
    }
}
