//! Says whether a cluster can work, before anything is made of it. Pure.
//!
//! The sentences are those of the CRD's own [`rules`], so that `kubectl apply` and `spike dev` refuse
//! a manifest in the same words. Rules about changes need the cluster as it was and belong to the API
//! server alone.

mod keys;
mod pods;
mod problem;
mod store;
mod syntax;
#[cfg(test)]
mod tests;

use spike_core::Quorum;

use crate::{
    SpikeCluster,
    cluster::{BootstrapMode, Level},
    rules,
};

pub use problem::Problem;
use problem::Problems;

/// A cluster that can work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatedCluster {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`; `default` if it isn't written.
    pub namespace: String,
    /// The trust domain of every part.
    pub trust_domain: String,
    /// How the root key is split; there are as many Keepers as shares.
    pub quorum: Quorum,
    /// `spec.shamir.generation`.
    pub generation: u64,
    /// How many Nexus replicas there are.
    pub nexus_replicas: u16,
    /// Where secrets are kept.
    pub store: StoreKind,
    /// Who proves identities.
    pub identity: IdentityKind,
    /// Whether a root key may be made.
    pub bootstrap: BootstrapMode,
    /// Whose age keys recovery shards are encrypted to; empty if nobody's.
    pub recipients: Vec<String>,
    /// What is logged.
    pub log_level: Level,
    /// Change nothing, only report.
    pub paused: bool,
}

impl ValidatedCluster {
    /// How many Keepers there are: none with a store in memory, whose root key lives and dies with
    /// it.
    pub fn keepers(&self) -> u8 {
        if self.store == StoreKind::Memory { 0 } else { self.quorum.shares() }
    }
}

/// The kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// `PostgreSQL`.
    Postgres,
    /// An object store.
    S3,
    /// A file of the one Nexus.
    Sqlite,
    /// The memory of the one Nexus.
    Memory,
    /// Someone else's.
    Plugin,
}

/// The kind of identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityKind {
    /// SPIRE.
    Spire,
    /// Spike's own authority.
    Builtin,
}

/// Everything that is wrong, or a cluster that can work.
pub fn validate(cluster: &SpikeCluster) -> Result<ValidatedCluster, Vec<Problem>> {
    let spec = &cluster.spec;
    let mut problems = Problems::default();
    let name = cluster.metadata.name.clone().unwrap_or_default();
    problems.obey(&rules::NAME, is_name(&name), &[]);
    problems.require(is_trust_domain(&spec.trust_domain), "spec.trustDomain", || {
        "spec.trustDomain must be 1 to 255 of a-z, 0-9, dots, dashes and underscores".to_owned()
    });
    let quorum = problems.quorum(&spec.shamir);
    let store = problems.store(&spec.store);
    let identity = problems.identity(spec);
    let nexus_replicas = problems.replicas(spec, store);
    problems.recovery(spec);
    problems.image(&spec.image);
    problems.unseal(&spec.unseal);
    problems.rollout(&spec.rollout);
    problems.overrides(spec);
    problems.network(&spec.network_policy);
    match (quorum, store, identity, nexus_replicas, problems.0.is_empty()) {
        (Some(quorum), Some(store), Some(identity), Some(nexus_replicas), true) => {
            let recovery = spec.recovery.clone().and_then(|recovery| recovery.age);
            Ok(ValidatedCluster {
                name,
                namespace: cluster.metadata.namespace.clone().unwrap_or("default".to_owned()),
                trust_domain: spec.trust_domain.clone(),
                quorum,
                generation: spec.shamir.generation.unsigned_abs(),
                nexus_replicas,
                store,
                identity,
                bootstrap: spec.bootstrap.mode,
                recipients: recovery.map(|age| age.recipients).unwrap_or_default(),
                log_level: spec.logging.level,
                paused: spec.paused,
            })
        }
        _ => Err(problems.0),
    }
}

fn is_name(name: &str) -> bool {
    let dashed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.len() <= 39
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(dashed)
        && !name.ends_with('-')
}

fn is_trust_domain(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    (1..=255).contains(&name.len()) && name.bytes().all(allowed)
}
