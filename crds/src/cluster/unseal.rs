//! How Nexus comes by the root key.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How Nexus comes by the root key when it starts: exactly one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Unseal {
    /// From the Keepers' shards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shamir: Option<ShamirUnseal>,
}

impl Default for Unseal {
    fn default() -> Self {
        Self { shamir: Some(ShamirUnseal {}) }
    }
}

/// From the Keepers' shards. It has nothing to set: `spec.shamir` says how the key is split.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShamirUnseal {}
