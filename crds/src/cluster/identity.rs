//! Who proves identities.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who proves identities: exactly one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Identity {
    /// SPIRE, which is installed already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spire: Option<Spire>,
    /// Spike's own authority; `spike dev`'s development authority on a laptop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builtin: Option<Builtin>,
}

/// SPIRE.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spire {
    /// The class of the SPIRE controller manager that serves this cluster.
    #[schemars(length(max = 63))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_name: Option<String>,
}

/// Spike's own authority. It has nothing to set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Builtin {}
