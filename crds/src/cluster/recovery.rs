//! Who keeps recovery shards.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who keeps recovery shards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recovery {
    /// Encrypted to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<Age>,
}

/// Recovery shards encrypted with age, one to each recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Age {
    /// Public keys (`age1…`; those of hardware that quantum computers don't break are long), one
    /// per custodian.
    #[schemars(length(max = 15), inner(length(max = 2500)))]
    pub recipients: Vec<String>,
}
