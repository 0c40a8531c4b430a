//! What a caller is to Spike, read from its SPIFFE ID and from nothing else.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{ShareIndex, SpiffeId};

/// A part that an identity plays. Every identity has at most one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Serves secrets.
    Nexus,
    /// Holds a shard.
    Keeper,
    /// Makes the root key, once.
    Bootstrap,
    /// May do everything with secrets and policies.
    Superuser,
    /// May take recovery shards out.
    Recover,
    /// May put recovery shards back.
    Restore,
    /// May only encrypt and decrypt.
    Lite,
    /// The Kubernetes operator: status and keys, never secrets.
    Operator,
}

impl Role {
    /// Every role, in the order of the table in the reference.
    pub const ALL: [Self; 8] = [
        Self::Nexus,
        Self::Keeper,
        Self::Bootstrap,
        Self::Superuser,
        Self::Recover,
        Self::Restore,
        Self::Lite,
        Self::Operator,
    ];

    /// The path of the role's SPIFFE ID.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Nexus => "/spike/nexus",
            Self::Keeper => "/spike/keeper",
            Self::Bootstrap => "/spike/bootstrap",
            Self::Superuser => "/spike/pilot/role/superuser",
            Self::Recover => "/spike/pilot/role/recover",
            Self::Restore => "/spike/pilot/role/restore",
            Self::Lite => "/spike/workload/role/lite",
            Self::Operator => "/spike/operator",
        }
    }

    /// The role's ID in a trust domain, without an instance.
    pub fn id(self, trust_domain: &str) -> String {
        format!("spiffe://{trust_domain}{}", self.path())
    }
}

/// The trust domains in which each role is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustRoots {
    /// `SPIKE_TRUST_ROOT_NEXUS`.
    pub nexus: Vec<String>,
    /// `SPIKE_TRUST_ROOT_KEEPER`.
    pub keeper: Vec<String>,
    /// `SPIKE_TRUST_ROOT_BOOTSTRAP`.
    pub bootstrap: Vec<String>,
    /// `SPIKE_TRUST_ROOT_PILOT`: superuser, recover and restore.
    pub pilot: Vec<String>,
    /// `SPIKE_TRUST_ROOT_LITE_WORKLOAD`.
    pub lite: Vec<String>,
    /// `SPIKE_TRUST_ROOT_OPERATOR`.
    pub operator: Vec<String>,
}

/// SPIKE's default trust domain.
pub const DEFAULT_TRUST_ROOT: &str = "spike.ist";

impl Default for TrustRoots {
    fn default() -> Self {
        let root = || vec![DEFAULT_TRUST_ROOT.to_owned()];
        Self {
            nexus: root(),
            keeper: root(),
            bootstrap: root(),
            pilot: root(),
            lite: root(),
            operator: root(),
        }
    }
}

impl TrustRoots {
    /// The trust domains in which `role` is believed.
    pub fn of(&self, role: Role) -> &[String] {
        match role {
            Role::Nexus => &self.nexus,
            Role::Keeper => &self.keeper,
            Role::Bootstrap => &self.bootstrap,
            Role::Superuser | Role::Recover | Role::Restore => &self.pilot,
            Role::Lite => &self.lite,
            Role::Operator => &self.operator,
        }
    }
}

/// `<namespace>/<name>` of one cluster among several in a trust domain (`SPIKE_INSTANCE`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Instance {
    namespace: String,
    name: String,
}

/// A text that is not an [`Instance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an instance is <namespace>/<name>, each of letters, digits, dots, dashes and underscores")]
pub struct InvalidInstance;

impl FromStr for Instance {
    type Err = InvalidInstance;

    fn from_str(raw: &str) -> Result<Self, InvalidInstance> {
        let (namespace, name) = raw.split_once('/').ok_or(InvalidInstance)?;
        let valid = format!("spiffe://x/{raw}").parse::<SpiffeId>().is_ok() && !name.contains('/');
        if !valid {
            return Err(InvalidInstance);
        }
        Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

impl TryFrom<String> for Instance {
    type Error = InvalidInstance;

    fn try_from(raw: String) -> Result<Self, InvalidInstance> {
        raw.parse()
    }
}

impl From<Instance> for String {
    fn from(instance: Instance) -> Self {
        instance.to_string()
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Reads roles from SPIFFE IDs.
///
/// Without an instance an ID has a role if it equals the role's base or lies under it (SPIKE's
/// rule). With one, it must be exactly `<base>/<namespace>/<name>`, so that one cluster's Nexus or
/// superuser is nobody to another; a Keeper's has its pod name behind that. The operator's ID has no
/// instance: one operator serves all clusters of a trust domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Who is believed where.
    pub roots: TrustRoots,
    /// Which cluster this is, if several share the trust domain.
    pub instance: Option<Instance>,
}

impl Roles {
    /// The role of an identity, if it has one.
    pub fn of(&self, id: &SpiffeId) -> Option<Role> {
        Role::ALL.into_iter().find(|&role| self.plays(id, role))
    }

    /// True if the identity plays that role.
    pub fn plays(&self, id: &SpiffeId, role: Role) -> bool {
        self.roots.of(role).iter().any(|root| {
            let base = role.id(root);
            match &self.instance {
                Some(_) if role == Role::Operator => id.as_str() == base,
                None => id.is_under(&base),
                Some(instance) if role == Role::Keeper => id
                    .as_str()
                    .strip_prefix(&format!("{base}/{instance}/"))
                    .is_some_and(|pod| !pod.is_empty() && !pod.contains('/')),
                Some(instance) => id.as_str() == format!("{base}/{instance}"),
            }
        })
    }

    /// True if the identity is the Keeper that may send and take shard `index`.
    ///
    /// Under an instance its pod name ends in `-<ordinal>`: one stolen Keeper identity must not
    /// collect every shard. Without one all Keepers share an identity and this is only the role.
    pub fn is_keeper_of(&self, id: &SpiffeId, index: ShareIndex) -> bool {
        self.plays(id, Role::Keeper)
            && (self.instance.is_none() || id.as_str().ends_with(&format!("-{}", index.ordinal())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(raw: &str) -> SpiffeId {
        raw.parse().expect("valid")
    }

    #[test]
    fn without_an_instance_roles_are_spikes() {
        let roles = Roles::default();
        assert_eq!(roles.of(&id("spiffe://spike.ist/spike/nexus")), Some(Role::Nexus));
        assert_eq!(roles.of(&id("spiffe://spike.ist/spike/keeper/a/b")), Some(Role::Keeper));
        assert_eq!(roles.of(&id("spiffe://spike.ist/spike/nexusx")), None);
        assert_eq!(roles.of(&id("spiffe://evil.ist/spike/nexus")), None);
    }

    #[test]
    fn with_an_instance_another_clusters_roles_are_nobody() {
        let roles = Roles { instance: "team/a".parse().ok(), ..Roles::default() };
        assert_eq!(roles.of(&id("spiffe://spike.ist/spike/nexus/team/a")), Some(Role::Nexus));
        for stranger in ["", "/team/b", "/team", "/team/a/x"] {
            let raw = format!("spiffe://spike.ist/spike/nexus{stranger}");
            assert_eq!(roles.of(&id(&raw)), None, "{raw}");
        }
        assert_eq!(roles.of(&id("spiffe://spike.ist/spike/operator")), Some(Role::Operator));
    }

    #[test]
    fn a_keepers_pod_answers_only_for_its_own_shard() {
        let roles = Roles { instance: "team/a".parse().ok(), ..Roles::default() };
        let third = id("spiffe://spike.ist/spike/keeper/team/a/spike-a-keeper-2");
        let index = |n| ShareIndex::new(n).expect("not zero");
        assert!(roles.is_keeper_of(&third, index(3)));
        assert!(!roles.is_keeper_of(&third, index(2)));
        assert!(!roles.is_keeper_of(&third, index(13)));
    }
}
