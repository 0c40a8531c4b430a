//! Our own protocol: JSON with camel-case keys, problems by RFC 9457.
//!
//! Unlike in [`super::v1`] keys match exactly, and a missing or a null field is no zero. Unknown keys
//! are passed over, so that an older peer understands a newer one.

pub mod access;
pub mod health;
pub mod operator;
pub mod shard;
pub mod status;

use serde::{Deserialize, Serialize};

/// What went wrong, as RFC 9457 wants it told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A URI that names the kind of problem.
    #[serde(rename = "type", default = "about_blank")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The kind for programs, such as `secret/conflict`.
    pub code: String,
}

/// The media type of a [`Problem`].
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

fn about_blank() -> String {
    "about:blank".to_owned()
}

/// A reason that a program can act on and a person can read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// For programs, such as `keepers_unreachable`.
    pub code: String,
    /// For people.
    pub message: String,
}

#[cfg(test)]
mod tests;
