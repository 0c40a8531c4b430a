//! Whether a root key may be made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a root key may be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bootstrap {
    /// `IfEmpty`: if the store has none and no Keeper holds a shard. `Never`: wait for someone.
    #[serde(default)]
    pub mode: BootstrapMode,
}

/// When to make a root key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BootstrapMode {
    /// If the store has none and no Keeper holds a shard.
    #[default]
    IfEmpty,
    /// Wait for someone to do it.
    Never,
}
