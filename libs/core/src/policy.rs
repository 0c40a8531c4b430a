//! Policies: who may do what where.
//!
//! A policy only allows; what none allows is denied. All permissions that a request needs must come
//! from one policy. Patterns are regular expressions of Go, and match anywhere in an identity or a
//! path unless they say `^` and `$`: [`crate::re2`] says what that means.

mod explanation;
mod pattern;
mod permission;
mod resource;
mod set;

use std::{fmt, str::FromStr, sync::Arc, sync::LazyLock};

use jiff::Timestamp;
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::{name, re2::BadPattern, secret_path, spiffe_id};
use pattern::Pattern;

pub use explanation::{Considered, Explanation};
pub use permission::{InvalidPermission, Permission, Permissions};
pub use resource::{Resource, SystemPath};
pub use set::{Decision, PolicySet};

/// The name of a policy: what it is found by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PolicyName(Arc<str>);

impl PolicyName {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PolicyName {
    type Err = name::InvalidName;

    fn from_str(text: &str) -> Result<Self, name::InvalidName> {
        name::check(text)?;
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for PolicyName {
    type Error = name::InvalidName;

    fn try_from(text: String) -> Result<Self, name::InvalidName> {
        text.parse()
    }
}

impl From<PolicyName> for String {
    fn from(name: PolicyName) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// A policy as someone wrote it, not yet checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyFields {
    /// See [`Policy::name`].
    pub name: String,
    /// See [`Policy::spiffeid_pattern`].
    pub spiffeid_pattern: String,
    /// See [`Policy::path_pattern`].
    pub path_pattern: String,
    /// See [`Policy::permissions`].
    pub permissions: Vec<String>,
}

/// Which pattern of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// [`Policy::spiffeid_pattern`].
    SpiffeIdPattern,
    /// [`Policy::path_pattern`].
    PathPattern,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SpiffeIdPattern => "spiffeidPattern",
            Self::PathPattern => "pathPattern",
        })
    }
}

/// Why a policy is refused: the field and what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPolicy {
    /// The name has another form.
    #[error("name: {0}")]
    Name(#[source] name::InvalidName),
    /// It isn't a pattern of SPIFFE IDs.
    #[error(
        "spiffeidPattern: write spiffe://<trust domain>[/<path>], with ^ before and $ behind it; \
         besides letters, digits, dots and dashes it may have * ( ) + ? [ ] and \\, \
         at most {} characters",
        spiffe_id::MAX_LEN
    )]
    SpiffeIdPattern,
    /// It isn't a pattern of paths.
    #[error(
        "pathPattern: write 1 to {} letters, digits and . _ - / ^ $ ( ) ? + * | [ ] {{ }} \\",
        secret_path::MAX_LEN
    )]
    PathPattern,
    /// It has the right characters in an order that means nothing.
    #[error("{field}: not a regular expression: {source}")]
    Expression {
        /// Which pattern.
        field: Field,
        /// What is wrong with it.
        source: BadPattern,
    },
    /// A permission that doesn't exist.
    #[error("permissions: {0}")]
    Permission(#[source] InvalidPermission),
    /// No permission.
    #[error("permissions: name at least one of read, write, list, execute, super")]
    NoPermission,
}

/// Which identities may do what on which paths. Cheap to clone.
///
/// # Source
///
/// The rules of its fields are those of `spike-sdk-go` v0.19.9.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Policy(Arc<Inner>);

struct Inner {
    name: PolicyName,
    spiffe_ids: Pattern,
    paths: Pattern,
    permissions: Vec<Permission>,
    granted: Permissions,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Policy {
    /// Checks what someone wrote.
    ///
    /// A policy that replaces another of the same name keeps its `created_at`.
    pub fn new(
        fields: PolicyFields,
        created_at: Timestamp,
        updated_at: Timestamp,
    ) -> Result<Self, InvalidPolicy> {
        let policy = Self::parse(fields, created_at, updated_at)?;
        let expression = |field| move |source| InvalidPolicy::Expression { field, source };
        policy.0.spiffe_ids.check_size().map_err(expression(Field::SpiffeIdPattern))?;
        policy.0.paths.check_size().map_err(expression(Field::PathPattern))?;
        Ok(policy)
    }

    /// All checks but the size of the compiled patterns, which costs most of the time.
    fn parse(
        fields: PolicyFields,
        created_at: Timestamp,
        updated_at: Timestamp,
    ) -> Result<Self, InvalidPolicy> {
        let PolicyFields { name, spiffeid_pattern, path_pattern, permissions } = fields;
        let name = name.parse().map_err(InvalidPolicy::Name)?;
        if spiffeid_pattern.len() > spiffe_id::MAX_LEN || !SPIFFE_IDS.is_match(&spiffeid_pattern) {
            return Err(InvalidPolicy::SpiffeIdPattern);
        }
        if path_pattern.len() > secret_path::MAX_LEN || !PATHS.is_match(&path_pattern) {
            return Err(InvalidPolicy::PathPattern);
        }
        let pattern = |field, text| {
            Pattern::parse(text).map_err(|source| InvalidPolicy::Expression { field, source })
        };
        let permissions = distinct(&permissions)?;
        Ok(Self(Arc::new(Inner {
            name,
            spiffe_ids: pattern(Field::SpiffeIdPattern, spiffeid_pattern)?,
            paths: pattern(Field::PathPattern, path_pattern)?,
            granted: permissions.iter().copied().collect(),
            permissions,
            created_at,
            updated_at,
        })))
    }

    /// What it is found by: 1 to 250 letters, digits, dashes, underscores and blanks.
    pub fn name(&self) -> &PolicyName {
        &self.0.name
    }

    /// Which callers: matched against their SPIFFE ID.
    pub fn spiffeid_pattern(&self) -> &str {
        self.0.spiffe_ids.as_str()
    }

    /// Which paths.
    pub fn path_pattern(&self) -> &str {
        self.0.paths.as_str()
    }

    /// What they may do, in the order in which it was written, each once.
    pub fn permissions(&self) -> &[Permission] {
        &self.0.permissions
    }

    /// When a policy of this name was first put.
    pub fn created_at(&self) -> Timestamp {
        self.0.created_at
    }

    /// When it was last put.
    pub fn updated_at(&self) -> Timestamp {
        self.0.updated_at
    }
}

/// SPIKE's own check of what a pattern of SPIFFE IDs may look like.
static SPIFFE_IDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\^?spiffe://[\\a-zA-Z0-9.\-*()+?\[\]]+(/[\\/a-zA-Z0-9._\-*()+?\[\]]+)*\$?$")
        .expect("compiled by a test")
});

/// SPIKE's own check of what a pattern of paths may look like.
static PATHS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[a-zA-Z0-9._\-/^$()?+*|\[\]{}\\]+$").expect("compiled by a test")
});

fn distinct(permissions: &[String]) -> Result<Vec<Permission>, InvalidPolicy> {
    let mut distinct = Vec::new();
    for text in permissions {
        let permission = text.parse().map_err(InvalidPolicy::Permission)?;
        if !distinct.contains(&permission) {
            distinct.push(permission);
        }
    }
    if distinct.is_empty() { Err(InvalidPolicy::NoPermission) } else { Ok(distinct) }
}

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        Stored::from(self.clone()) == Stored::from(other.clone())
    }
}

impl Eq for Policy {}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Stored::from(self.clone()).fmt(f)
    }
}

/// A policy as it is kept: whoever wrote it had it checked.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    #[serde(flatten)]
    fields: PolicyFields,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<Stored> for Policy {
    type Error = InvalidPolicy;

    fn try_from(stored: Stored) -> Result<Self, InvalidPolicy> {
        Self::parse(stored.fields, stored.created_at, stored.updated_at)
    }
}

impl From<Policy> for Stored {
    fn from(policy: Policy) -> Self {
        let text = |permission: &Permission| permission.as_str().to_owned();
        Self {
            fields: PolicyFields {
                name: policy.name().as_str().to_owned(),
                spiffeid_pattern: policy.spiffeid_pattern().to_owned(),
                path_pattern: policy.path_pattern().to_owned(),
                permissions: policy.permissions().iter().map(text).collect(),
            },
            created_at: policy.created_at(),
            updated_at: policy.updated_at(),
        }
    }
}

#[cfg(test)]
mod tests;
