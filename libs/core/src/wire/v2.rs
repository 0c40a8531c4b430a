//! Our own protocol: JSON with camel-case keys, problems by RFC 9457.
//!
//! Unlike in [`super::v1`] keys match exactly, and a missing or a null field is no zero. Unknown keys
//! are passed over, so that an older peer understands a newer one.

pub mod access;
pub mod escrow;
pub mod health;
pub mod keys;
pub mod operator;
mod problem;
pub mod shard;
pub mod status;

use serde::{Deserialize, Serialize};

pub use problem::{PROBLEM_MEDIA_TYPE, Problem, ProblemCode};

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
