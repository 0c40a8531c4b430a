//! How the root key is split.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the root key is split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shamir {
    /// How many shards there are, one for each Keeper.
    #[schemars(range(min = 2, max = 15))]
    #[serde(default = "three")]
    pub shares: i32,
    /// How many of them rebuild the root key.
    #[schemars(range(min = 2, max = 15))]
    #[serde(default = "two")]
    pub threshold: i32,
    /// Change it together with `shares` and `threshold` to share the key anew.
    #[schemars(range(min = 1))]
    #[serde(default = "one")]
    pub generation: i64,
    /// Allow `shares == threshold`, where one lost Keeper loses the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_no_redundancy: Option<bool>,
}

fn three() -> i32 {
    3
}

fn two() -> i32 {
    2
}

fn one() -> i64 {
    1
}

impl Default for Shamir {
    fn default() -> Self {
        Self { shares: three(), threshold: two(), generation: one(), allow_no_redundancy: None }
    }
}
