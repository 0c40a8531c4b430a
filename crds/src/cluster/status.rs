//! What a cluster is, as the operator saw it last.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a cluster is, as the operator saw it last. It is written only when it changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpikeClusterStatus {
    /// The `metadata.generation` that this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The version that every replica runs; two, joined by an arrow, during a rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The image that pods are made of, with what the spec leaves out filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The secrets API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nexus: Option<NexusStatus>,
    /// The holders of shards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeper: Option<KeeperStatus>,
    /// Shards of the current set that Keepers hold, of how many there are: `3/3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<String>,
    /// The root key, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_key: Option<RootKeyStatus>,
    /// Recovery shards, once they are escrowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<RecoveryStatus>,
    /// The rollout in flight, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutStatus>,
    /// Where secrets are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreStatus>,
    /// What holds and what doesn't, with reasons and remedies.
    #[schemars(
        length(max = 32),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// The secrets API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NexusStatus {
    /// How many there are.
    pub replicas: i32,
    /// How many serve.
    #[serde(default)]
    pub ready: i32,
    /// How many hold the root key.
    #[serde(default)]
    pub unsealed: i32,
    /// The labels of their pods, as a selector.
    pub selector: String,
}

/// The holders of shards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeeperStatus {
    /// How many there are.
    pub replicas: i32,
    /// How many are ready.
    #[serde(default)]
    pub ready: i32,
    /// How many hold a shard of the current set.
    #[serde(default)]
    pub hydrated: i32,
}

/// The root key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RootKeyStatus {
    /// The cluster that it belongs to, for ever.
    pub cluster_id: String,
    /// How often the keys that encrypt were made anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
    /// How often the root key was made anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_epoch: Option<i64>,
    /// The current set of shards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_id: Option<String>,
    /// The `spec.shamir.generation` of the current set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// How many shards the current set has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<i32>,
    /// How many of them rebuild the root key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<i32>,
    /// When the operator first saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrapped_at: Option<Time>,
}

/// Recovery shards that are escrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryStatus {
    /// Whose they are: age public keys.
    #[schemars(length(max = 15), inner(length(max = 2500)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
    /// How many of them restore the root key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<i32>,
    /// The set that they belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_id: Option<String>,
    /// The root key's epoch that they restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_epoch: Option<i64>,
    /// Where their ciphertexts are: a `ConfigMap` of this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<String>,
}

/// A rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStatus {
    /// What pods become: the hash of their template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The pod whose turn it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Why it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_reason: Option<String>,
}

/// Where secrets are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreStatus {
    /// `postgres`, `sqlite` or `memory`.
    pub kind: String,
    /// The version of its schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_version: Option<i64>,
    /// What the server says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_version: Option<String>,
}
