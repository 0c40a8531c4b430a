//! The holders of shards.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The holders of shards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Keeper {
    /// How many; always `spec.shamir.shares`, and best left out.
    #[schemars(range(min = 2, max = 15))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
}
