//! Names of other objects. They are of the same namespace, so that nobody borrows another's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An object, by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NameRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// One key of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyRef {
    /// The Secret's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

/// Certificates of authorities, as PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaRef {
    /// What holds them.
    #[serde(default)]
    pub kind: CaSource,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key. No other key of it is mounted.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    #[serde(default = "ca_crt")]
    pub key: String,
}

fn ca_crt() -> String {
    "ca.crt".to_owned()
}

/// What holds certificates of authorities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CaSource {
    /// A Secret.
    #[default]
    Secret,
    /// A `ConfigMap`.
    ConfigMap,
}
