//! What is logged.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is logged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Logging {
    /// The least serious kind of message that is logged.
    #[serde(default)]
    pub level: Level,
}

/// How serious a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Each step; names paths of secrets.
    Debug,
    /// What an operator wants to know.
    #[default]
    Info,
    /// What may become a fault.
    Warn,
    /// Faults.
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        })
    }
}
