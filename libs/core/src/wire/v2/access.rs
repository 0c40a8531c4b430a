//! `/v2/access:check`: may this identity do that, and which policy says so?

use serde::{Deserialize, Serialize};

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckRequest {
    /// Who.
    pub spiffe_id: String,
    /// Where: a secret's path or one of SPIKE's reserved ones.
    pub path: String,
    /// What: all of these.
    pub permissions: Vec<String>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckResponse {
    /// The decision.
    pub allowed: bool,
    /// The first policy, by name, that allows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The policies that matched at least one of identity and path, by name.
    pub considered: Vec<Considered>,
    /// The decision in words.
    pub reason: String,
}

/// How far one policy went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Considered {
    /// The policy's name.
    pub name: String,
    /// Its pattern of identities matches.
    pub spiffe_id_matches: bool,
    /// Its pattern of paths matches.
    pub path_matches: bool,
    /// What was asked for and it doesn't grant.
    pub missing: Vec<String>,
}
