//! `SpikeCluster`: one secrets store, as its author writes it.
//!
//! One file per part of the spec. Defaults are those that the API server fills in, so that a
//! manifest means the same where there is none.
//!
//! What is published stays: fields are only added, and each new one may be left out.

mod bootstrap;
mod deletion;
mod identity;
mod image;
mod keeper;
mod logging;
mod monitoring;
mod network;
mod nexus;
mod pod;
mod postgres;
mod recovery;
mod reference;
mod rollout;
mod schema;
mod shamir;
mod status;
mod store;
mod unseal;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use bootstrap::{Bootstrap, BootstrapMode};
pub use deletion::{Deletion, DeletionPolicy};
pub use identity::{Builtin, ClusterSpiffeIds, Identity, Spire};
pub use image::{Image, PullPolicy};
pub use keeper::{Keeper, Spread, WhenUnsatisfiable};
pub use logging::{Level, Logging};
pub use monitoring::Monitoring;
pub use network::{NetworkPolicy, NetworkPolicyMode};
pub use nexus::{Autoscaling, Nexus, Service, ServiceType};
pub use pod::{Amounts, EnvVar, PodOverrides, Resources};
pub use postgres::{Credentials, Migrations, Pool, Postgres, ServiceRef, SslMode};
pub use recovery::{Age, Recovery};
pub use reference::{CaRef, CaSource, KeyRef, NameRef};
pub use rollout::{Rollout, RolloutStrategy};
pub use shamir::Shamir;
pub use status::{
    KeeperStatus, NexusStatus, RecoveryStatus, RolloutStatus, RootKeyStatus, SpikeClusterStatus,
    StoreStatus,
};
pub use store::{Memory, Plugin, S3, Sqlite, Storage, Store};
pub use unseal::{ShamirUnseal, Unseal};

/// What a cluster should be.
#[derive(Clone, Debug, PartialEq, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "spike.ist",
    version = "v1alpha1",
    kind = "SpikeCluster",
    namespaced,
    status = "SpikeClusterStatus",
    shortname = "spike",
    category = "secrets",
    derive = "PartialEq",
    doc = "A highly available secrets store: Nexus replicas, Keepers, a store and identities.",
    scale(
        spec_replicas_path = ".spec.nexus.replicas",
        status_replicas_path = ".status.nexus.replicas",
        label_selector_path = ".status.nexus.selector"
    ),
    printcolumn = r#"{"name": "Ready", "type": "string", "description": "Whether secrets are served.", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name": "Reason", "type": "string", "description": "Why they are, or are not.", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name": "Shards", "type": "string", "description": "Shards that Keepers hold, of how many there are.", "jsonPath": ".status.shards"}"#,
    printcolumn = r#"{"name": "Nexus", "type": "integer", "description": "Nexus replicas that serve.", "jsonPath": ".status.nexus.ready"}"#,
    printcolumn = r#"{"name": "Store", "type": "string", "description": "Where secrets are kept.", "jsonPath": ".status.store.kind"}"#,
    printcolumn = r#"{"name": "Version", "type": "string", "description": "What every replica runs.", "jsonPath": ".status.version"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name": "Keepers", "type": "integer", "description": "Keepers that run and are ready.", "jsonPath": ".status.keeper.ready", "priority": 1}"#,
    printcolumn = r#"{"name": "Stalled", "type": "string", "description": "What people must mend.", "jsonPath": ".status.conditions[?(@.type==\"Stalled\")].reason", "priority": 1}"#,
    printcolumn = r#"{"name": "Paused", "type": "boolean", "description": "Whether the spec says to change nothing.", "jsonPath": ".spec.paused", "priority": 1}"#,
    printcolumn = r#"{"name": "Image", "type": "string", "description": "What pods are made of.", "jsonPath": ".status.image", "priority": 1}"#,
    printcolumn = r#"{"name": "Message", "type": "string", "description": "Why secrets are served or not, in a sentence.", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].message", "priority": 1}"#
)]
#[serde(rename_all = "camelCase")]
pub struct SpikeClusterSpec {
    /// The SPIFFE trust domain of every part. Immutable.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[a-z0-9._-]+$"))]
    pub trust_domain: String,
    /// Where secrets are kept, encrypted: exactly one kind.
    pub store: Store,
    /// Who proves identities: exactly one kind, for ever.
    pub identity: Identity,
    /// What is run. Left out: the operator's own version.
    #[serde(default, skip_serializing_if = "unset")]
    pub image: Image,
    /// How the root key is split.
    #[serde(default)]
    pub shamir: Shamir,
    /// How Nexus comes by the root key when it starts: exactly one kind.
    #[serde(default)]
    pub unseal: Unseal,
    /// Whether a root key may be made.
    #[serde(default)]
    pub bootstrap: Bootstrap,
    /// The secrets API.
    #[serde(default)]
    pub nexus: Nexus,
    /// The holders of shards.
    #[serde(default)]
    pub keeper: Keeper,
    /// Who keeps recovery shards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// How a new version replaces the old one.
    #[serde(default)]
    pub rollout: Rollout,
    /// Who may reach the pods, and what they may reach.
    #[serde(default)]
    pub network_policy: NetworkPolicy,
    /// What is made for Prometheus and Grafana.
    #[serde(default)]
    pub monitoring: Monitoring,
    /// What happens to the pods when the `SpikeCluster` is deleted.
    #[serde(default)]
    pub deletion: Deletion,
    /// What is logged.
    #[serde(default)]
    pub logging: Logging,
    /// Change nothing, only report.
    #[serde(default)]
    pub paused: bool,
}

/// Of a part that is best left out of the schema's defaults, for all its fields are optional.
fn unset<T: Default + PartialEq>(part: &T) -> bool {
    *part == T::default()
}
