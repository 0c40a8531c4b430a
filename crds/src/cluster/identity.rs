//! Who proves identities.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who proves identities: exactly one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// SPIRE, which is installed already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spire: Option<Spire>,
    /// Spike's own authority; `spike dev`'s development authority on a laptop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builtin: Option<Builtin>,
}

/// SPIRE, reached through the SPIFFE CSI driver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spire {
    /// The name of the SPIFFE CSI driver.
    #[schemars(length(min = 1, max = 63))]
    #[serde(default = "csi_driver")]
    pub csi_driver: String,
    /// The agent's socket in the folder that the driver mounts.
    #[schemars(
        length(min = 1, max = 100),
        regex(pattern = r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$")
    )]
    #[serde(default = "socket_path")]
    pub socket_path: String,
    /// The class of the SPIRE controller manager that serves this cluster.
    #[schemars(length(max = 63))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_name: Option<String>,
    /// `Manage`: the operator writes a `ClusterSPIFFEID` for each role. `None`: someone else does.
    #[serde(default, rename = "clusterSPIFFEIDs")]
    pub cluster_spiffe_ids: ClusterSpiffeIds,
    /// Trust domains whose workloads may be callers.
    #[schemars(length(max = 32), inner(length(min = 1, max = 255)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub federates_with: Vec<String>,
}

fn csi_driver() -> String {
    "csi.spiffe.io".to_owned()
}

fn socket_path() -> String {
    "spire-agent.sock".to_owned()
}

impl Default for Spire {
    fn default() -> Self {
        Self {
            csi_driver: csi_driver(),
            socket_path: socket_path(),
            class_name: None,
            cluster_spiffe_ids: ClusterSpiffeIds::default(),
            federates_with: Vec::new(),
        }
    }
}

/// Whether the operator registers its pods with SPIRE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ClusterSpiffeIds {
    /// It writes a `ClusterSPIFFEID` for each role.
    #[default]
    Manage,
    /// Someone else does.
    None,
}

/// Spike's own authority. It has nothing to set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Builtin {}
