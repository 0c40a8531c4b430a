//! What happens to the pods when the `SpikeCluster` is deleted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens to the pods when the `SpikeCluster` is deleted. The store is never touched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deletion {
    /// `Retain`: Nexus and Keepers go on, and a `SpikeCluster` of the same name takes them over.
    /// `Delete`: they go, once the annotation `spike.ist/confirm-delete` has the cluster's name.
    #[serde(default)]
    pub policy: DeletionPolicy,
}

/// Whether Nexus and the Keepers outlive the `SpikeCluster`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// They go on, and a `SpikeCluster` of the same name takes them over.
    #[default]
    Retain,
    /// They go, once the annotation `spike.ist/confirm-delete` has the cluster's name.
    Delete,
}
