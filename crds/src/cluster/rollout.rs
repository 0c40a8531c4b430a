//! How a new version replaces the old one.

use std::time;

use kube::core::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::duration;

/// A Keeper has its shard back within seconds; an image may take minutes to be pulled.
const HYDRATION_TIMEOUT: time::Duration = time::Duration::from_mins(10);

/// How a new version replaces the old one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// `Guarded`: the operator replaces Keepers, one at a time, each only while the others can
    /// rebuild the root key. `Manual`: someone does, by deleting pods.
    #[serde(default)]
    pub strategy: RolloutStrategy,
    /// How long a new Keeper may take until it holds its shard; then the old version returns.
    #[schemars(schema_with = "duration")]
    #[serde(default = "hydration_timeout")]
    pub hydration_timeout: Duration,
}

fn hydration_timeout() -> Duration {
    HYDRATION_TIMEOUT.into()
}

impl Default for Rollout {
    fn default() -> Self {
        Self { strategy: RolloutStrategy::default(), hydration_timeout: hydration_timeout() }
    }
}

/// Who replaces Keepers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RolloutStrategy {
    /// The operator, one at a time, each only while the others can rebuild the root key.
    #[default]
    Guarded,
    /// Someone, by deleting pods.
    Manual,
}
