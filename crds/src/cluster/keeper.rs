//! The holders of shards.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Amounts, PodOverrides};

/// The holders of shards.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Keeper {
    /// How many; always `spec.shamir.shares`, and best left out.
    #[schemars(range(min = 2, max = 15))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// What each is given. A Keeper's limit equals its request, so that it is evicted last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Amounts>,
    /// How they are kept apart.
    #[serde(default)]
    pub spread: Spread,
    /// The priority class of their pods: who loses a Keeper is nearer to losing the root key.
    #[schemars(length(min = 1, max = 253))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,
    /// Changes to their pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_overrides: Option<PodOverrides>,
}

/// How Keepers are kept apart: at most one more on a node than on any other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spread {
    /// `DoNotSchedule`: a Keeper that no node may take waits. `ScheduleAnyway`: it shares a node,
    /// whose loss may then be the loss of the root key.
    #[serde(default)]
    pub when_unsatisfiable: WhenUnsatisfiable,
}

/// What to do with a Keeper that no node may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WhenUnsatisfiable {
    /// It waits.
    #[default]
    DoNotSchedule,
    /// It shares a node, whose loss may then be the loss of the root key.
    ScheduleAnyway,
}
