//! Says whether a cluster can work, before anything is made of it. Pure.
//!
//! The messages are those of the CRD's own rules, so that `kubectl apply` and `spike dev` refuse a
//! manifest in the same words. Rules about changes need the cluster as it was and belong to the API
//! server alone.

#[cfg(test)]
mod tests;

use std::fmt;

use spike_core::Quorum;

use crate::{
    SpikeCluster, SpikeClusterSpec,
    cluster::{BootstrapMode, Level, Shamir},
};

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

/// One thing that can't work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field to change.
    pub field: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Everything that is wrong, or a cluster that can work.
pub fn validate(cluster: &SpikeCluster) -> Result<ValidatedCluster, Vec<Problem>> {
    let spec = &cluster.spec;
    let mut problems = Problems::default();
    let name = cluster.metadata.name.clone().unwrap_or_default();
    problems.require(is_name(&name), "metadata.name", || {
        "metadata.name must be a DNS label of at most 40 characters that starts with a letter \
         (it names Services)"
            .to_owned()
    });
    problems.require(is_trust_domain(&spec.trust_domain), "spec.trustDomain", || {
        "spec.trustDomain must be 1 to 255 of a-z, 0-9, dots, dashes and underscores".to_owned()
    });
    let quorum = problems.quorum(&spec.shamir);
    let store = problems.store(spec);
    let identity = problems.identity(spec);
    let nexus_replicas = problems.replicas(spec, store);
    problems.recovery(spec);
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

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn require(&mut self, holds: bool, field: &'static str, message: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Problem { field, message: message() });
        }
    }

    fn within(&mut self, field: &'static str, value: i64, least: i64, most: i64) {
        self.require((least..=most).contains(&value), field, || {
            format!("{field} ({value}) must be {least} to {most}")
        });
    }

    fn quorum(&mut self, shamir: &Shamir) -> Option<Quorum> {
        let Shamir { shares, threshold, generation, .. } = *shamir;
        self.within("spec.shamir.shares", shares.into(), 2, 15);
        self.within("spec.shamir.threshold", threshold.into(), 2, 15);
        self.require(generation >= 1, "spec.shamir.generation", || {
            format!("spec.shamir.generation ({generation}) must be at least 1")
        });
        self.require(threshold <= shares, "spec.shamir.threshold", || {
            format!(
                "spec.shamir.threshold ({threshold}) must not exceed spec.shamir.shares ({shares})"
            )
        });
        let redundant = shares != threshold || shamir.allow_no_redundancy == Some(true);
        self.require(redundant, "spec.shamir", || {
            "with shares == threshold one lost Keeper makes the root key unrecoverable without \
             recovery shards; set allowNoRedundancy: true to accept that"
                .to_owned()
        });
        Quorum::new(u64::try_from(shares).ok()?, u64::try_from(threshold).ok()?).ok()
    }

    fn store(&mut self, spec: &SpikeClusterSpec) -> Option<StoreKind> {
        let store = &spec.store;
        let kinds = [
            store.postgres.is_some().then_some(StoreKind::Postgres),
            store.s3.is_some().then_some(StoreKind::S3),
            store.sqlite.is_some().then_some(StoreKind::Sqlite),
            store.memory.is_some().then_some(StoreKind::Memory),
            store.plugin.is_some().then_some(StoreKind::Plugin),
        ];
        self.one_of("spec.store", "postgres, s3, sqlite, memory or plugin", &kinds)
    }

    fn identity(&mut self, spec: &SpikeClusterSpec) -> Option<IdentityKind> {
        let kinds = [
            spec.identity.spire.is_some().then_some(IdentityKind::Spire),
            spec.identity.builtin.is_some().then_some(IdentityKind::Builtin),
        ];
        self.one_of("spec.identity", "spire or builtin", &kinds)
    }

    fn one_of<T: Copy>(
        &mut self,
        field: &'static str,
        kinds: &str,
        set: &[Option<T>],
    ) -> Option<T> {
        let mut chosen = set.iter().flatten();
        let (first, second) = (chosen.next(), chosen.next());
        self.require(first.is_some() && second.is_none(), field, || {
            format!("{field} needs exactly one of {kinds}")
        });
        first.copied()
    }

    fn replicas(&mut self, spec: &SpikeClusterSpec, store: Option<StoreKind>) -> Option<u16> {
        let (nexus, shares) = (&spec.nexus, spec.shamir.shares);
        self.within("spec.nexus.replicas", nexus.replicas.into(), 1, 100);
        if let Some(keepers) = spec.keeper.replicas {
            self.require(keepers == shares, "spec.keeper.replicas", || {
                format!(
                    "spec.keeper.replicas ({keepers}) must equal spec.shamir.shares ({shares}): \
                     remove spec.keeper.replicas or change both together"
                )
            });
        }
        let alone = matches!(store, Some(StoreKind::Sqlite | StoreKind::Memory));
        let fits = !alone || (nexus.replicas == 1 && nexus.autoscaling.is_none());
        self.require(fits, "spec.nexus.replicas", || {
            format!(
                "spec.store.sqlite and .memory belong to one Nexus: set spec.nexus.replicas to 1 \
                 (is {}) and remove spec.nexus.autoscaling",
                nexus.replicas
            )
        });
        u16::try_from(nexus.replicas).ok()
    }

    fn recovery(&mut self, spec: &SpikeClusterSpec) {
        let age = spec.recovery.as_ref().and_then(|recovery| recovery.age.as_ref());
        let threshold = usize::try_from(spec.shamir.threshold).unwrap_or_default();
        let enough = age.is_none_or(|age| age.recipients.len() >= threshold);
        self.require(enough, "spec.recovery.age.recipients", || {
            "spec.recovery.age.recipients needs at least spec.shamir.threshold recipients"
                .to_owned()
        });
    }
}

fn is_name(name: &str) -> bool {
    let dashed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(dashed)
        && !name.ends_with('-')
}

fn is_trust_domain(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    (1..=255).contains(&name.len()) && name.bytes().all(allowed)
}
