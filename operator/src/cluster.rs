//! A cluster that can work: what the spec says, with every choice made and every default filled in.
//!
//! It is made by [`crate::validate`] and by nothing else.

use std::time::Duration;

pub use spike_crds::cluster::BootstrapMode;
use spike_crds::cluster::{
    Amounts, Autoscaling, CaRef, ClusterSpiffeIds, Credentials, DeletionPolicy, KeyRef, Level,
    Monitoring, NetworkPolicy, PodOverrides, PullPolicy, Resources, Service, WhenUnsatisfiable,
};

use crate::{hash::Digest, names::Names, version::Version};

/// A cluster that can work.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// What its objects are called.
    pub names: Names,
    /// Which `SpikeCluster` of that name.
    pub uid: String,
    /// What people asked for last: another generation of the spec, or another text in the annotation
    /// [`crate::names::annotation::RETRY`], has Jobs that failed tried again.
    pub asked: Digest,
    /// The trust domain of every part.
    pub trust_domain: String,
    /// How many shards, and so Keepers; none with a store in memory.
    pub shares: u8,
    /// How many of them rebuild the root key.
    pub threshold: u8,
    /// `spec.shamir.generation`.
    pub generation: u64,
    /// Whether a root key may be made.
    pub bootstrap: BootstrapMode,
    /// Whose age keys recovery shards are encrypted to.
    pub recipients: Vec<String>,
    /// The image of all programs.
    pub image: Image,
    /// The secrets API.
    pub nexus: Nexus,
    /// The holders of shards.
    pub keeper: Keeper,
    /// Where secrets are kept.
    pub store: Store,
    /// Who proves identities.
    pub identity: Identity,
    /// Who may reach what; `None` if somebody else says so.
    pub network: Option<NetworkPolicy>,
    /// What is made for Prometheus.
    pub monitoring: Monitoring,
    /// What happens at the end.
    pub deletion: DeletionPolicy,
    /// The operator evicts stale Keepers.
    pub evicts: bool,
    /// How long a Keeper may take to hold its shard.
    pub hydration_timeout: Duration,
    /// What is logged.
    pub log_level: Level,
    /// Change nothing.
    pub paused: bool,
}

/// The image of all programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// As a pod names it.
    pub reference: String,
    /// When nodes pull it.
    pub pull_policy: Option<PullPolicy>,
    /// Secrets with the registry's credentials.
    pub pull_secrets: Vec<String>,
}

impl Image {
    /// The version that its tag says, if it says one; a digest may follow.
    pub fn version(&self) -> Option<Version> {
        let tagged = self.reference.split('@').next()?;
        tagged.rsplit_once(':').and_then(|(_, tag)| Version::read(tag))
    }
}

/// The secrets API.
#[derive(Clone, Debug, PartialEq)]
pub struct Nexus {
    /// How many replicas; with autoscaling the fewest.
    pub replicas: u16,
    /// What each is given.
    pub resources: Option<Resources>,
    /// Replicas by load.
    pub autoscaling: Option<Autoscaling>,
    /// Where clients find it.
    pub service: Service,
    /// Changes to its pods.
    pub overrides: PodOverrides,
}

/// The holders of shards.
#[derive(Clone, Debug, PartialEq)]
pub struct Keeper {
    /// What each is given, and no more.
    pub resources: Option<Amounts>,
    /// How they are kept apart.
    pub spread: WhenUnsatisfiable,
    /// The priority class of their pods.
    pub priority_class: Option<String>,
    /// Changes to their pods.
    pub overrides: PodOverrides,
}

/// Where secrets are kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Store {
    /// `PostgreSQL`.
    Postgres(Box<Postgres>),
    /// A file on the one Nexus's volume.
    Sqlite {
        /// How large the volume is.
        size: String,
        /// Of which class.
        class: Option<String>,
    },
    /// The memory of the one Nexus.
    Memory,
}

impl Store {
    /// As the status names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "postgres",
            Self::Sqlite { .. } => "sqlite",
            Self::Memory => "memory",
        }
    }

    /// Exactly one Nexus, which must be gone before the next one starts.
    pub fn is_single(&self) -> bool {
        !matches!(self, Self::Postgres(_))
    }
}

/// `PostgreSQL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postgres {
    /// Where it is.
    pub place: Place,
    /// Its port, for the network policy; unknown if a Secret has the URL.
    pub port: Option<u16>,
    /// As whom Nexus logs in.
    pub credentials: Option<Credentials>,
    /// As whom the schema is changed.
    pub migration_credentials: Option<Credentials>,
    /// Whose signature is believed.
    pub ca: Option<CaRef>,
    /// How many connections each Nexus has.
    pub connections: Option<u16>,
    /// The operator upgrades the schema.
    pub migrate: bool,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A URL without a password; its user is filled in where it is used.
    Url(String),
    /// A Secret's key with a URL, which the operator never reads.
    Secret(KeyRef),
}

/// Who proves identities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// SPIRE.
    Spire {
        /// The SPIFFE CSI driver.
        csi_driver: String,
        /// The agent's socket in the driver's folder.
        socket: String,
        /// The class of the controller manager.
        class: Option<String>,
        /// Who registers our pods.
        registration: ClusterSpiffeIds,
        /// Trust domains whose workloads may be callers.
        federates_with: Vec<String>,
    },
    /// Our own authority.
    Builtin,
}

impl Cluster {
    /// How many Keepers there should be.
    pub fn keepers(&self) -> u8 {
        if self.store == Store::Memory { 0 } else { self.shares }
    }
}
