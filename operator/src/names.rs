//! What objects are called, and how they say whose they are: what [`spike_crds::names`] promises to
//! everybody, and what is the operator's own.

use std::fmt;

pub use spike_crds::names::{AUTHORITY_BUNDLE, GROUP, MANAGER, Names, Part, label};

use crate::hash::Digest;

/// Annotations.
pub mod annotation {
    /// The uid of the `SpikeCluster` that an object belongs to.
    pub const OWNER_UID: &str = "spike.ist/owner-uid";
    /// The digest of what was applied.
    pub const APPLIED: &str = "spike.ist/applied";
    /// The digest of a pod's template.
    pub const TEMPLATE: &str = "spike.ist/template";
    /// The template that was applied last, as JSON.
    pub const TEMPLATE_APPLIED: &str = "spike.ist/template-applied";
    /// The last template with which every Keeper was hydrated, as JSON.
    pub const TEMPLATE_GOOD: &str = "spike.ist/template-good";
    /// The digest of a template that was rolled back.
    pub const TEMPLATE_BAD: &str = "spike.ist/template-bad";
    /// How many Keepers a Nexus's template knows.
    pub const PEERS: &str = "spike.ist/peers";
    /// The cluster id of the key ring, once one was seen.
    pub const CLUSTER_ID: &str = "spike.ist/cluster-id";
    /// On a schema Job: the digest of the version and the store that it is for.
    pub const VERSION: &str = "spike.ist/version";
    /// On a Job: what people asked for when it was made.
    pub const ASKED: &str = "spike.ist/asked";
    /// On the `ConfigMap` of recovery shards: which they are, and whose, as JSON.
    pub const ESCROW: &str = "spike.ist/escrow";
    /// What a deleted `SpikeCluster` left behind.
    pub const RETAINED: &str = "spike.ist/retained";
    /// On a `SpikeCluster`: any other text than before has failed Jobs tried again.
    pub const RETRY: &str = "spike.ist/retry";
    /// On a `SpikeCluster`: its name, to confirm that everything shall go.
    pub const CONFIRM_DELETE: &str = "spike.ist/confirm-delete";
}

/// Keeps a `SpikeCluster` until what it made is taken care of.
pub const FINALIZER: &str = "spike.ist/operator";

/// The Secret with the built-in authority's key: one per namespace.
pub const AUTHORITY_SECRET: &str = "spike-authority-ca";

/// Static `ClusterRole`: read and change that Secret and `ConfigMap`.
pub const AUTHORITY_ROLE: &str = "spike-authority";

/// Static `ClusterRole`: ask whose a token is.
pub const REVIEWER_ROLE: &str = "spike-authority-reviewer";

/// Half of a change of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Adds what a version needs, before it runs.
    Expand,
    /// Removes what only earlier versions need, once none of them runs.
    Contract,
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expand => "schema",
            Self::Contract => "contract",
        })
    }
}

/// Names that end in a digest.
pub trait Digested {
    /// The Job that does one half of a change of the schema, for one version and one try.
    fn schema_job(&self, half: Half, digest: &Digest) -> String;

    /// An object without a namespace.
    fn cluster_scoped(&self, what: &str) -> String;
}

impl Digested for Names {
    fn schema_job(&self, half: Half, digest: &Digest) -> String {
        format!("spike-{}-{half}-{}", self.cluster, digest.short())
    }

    fn cluster_scoped(&self, what: &str) -> String {
        let digest = Digest::bytes(format!("{}/{}", self.namespace, self.cluster).as_bytes());
        format!("spike-{}-{what}", digest.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_leaves_room_for_a_jobs_digest() {
        let names = Names { namespace: "n".repeat(63), cluster: "c".repeat(39) };
        // A Job's name is a label of its pods.
        assert!(names.schema_job(Half::Contract, &Digest::bytes(b"")).len() <= 63);
    }

    #[test]
    fn objects_without_a_namespace_are_told_apart() {
        let name = |namespace: &str| {
            let names = Names { namespace: namespace.to_owned(), cluster: "a".to_owned() };
            names.cluster_scoped("nexus")
        };
        assert_ne!(name("a"), name("b"));
    }
}
