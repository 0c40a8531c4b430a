//! The secrets API.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The secrets API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Nexus {
    /// How many replicas; with `sqlite` and `memory` exactly 1.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default = "two")]
    pub replicas: i32,
    /// Replicas by load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
}

fn two() -> i32 {
    2
}

impl Default for Nexus {
    fn default() -> Self {
        Self { replicas: two(), autoscaling: None }
    }
}

/// Replicas by load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Autoscaling {
    /// The most replicas.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_replicas: Option<i32>,
}
