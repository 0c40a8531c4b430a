//! How a cluster is, in one word. Pure.

use std::process::ExitCode;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::{Deserialize, Serialize};
use spike_crds::{SpikeCluster, remedies::remedy};

/// How a cluster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Health {
    /// As it should be.
    Healthy,
    /// It mends itself, or lacks what it should have.
    Degraded,
    /// It stays so until a person does something.
    NeedsSomeone,
}

impl Health {
    /// Of a cluster, as its operator saw it.
    pub(crate) fn of(cluster: &SpikeCluster) -> Self {
        let Some(status) = &cluster.status else { return Self::Degraded };
        let seen = status.observed_generation >= cluster.metadata.generation;
        let ready = status.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True");
        let known = if seen && ready { Self::Healthy } else { Self::Degraded };
        status.conditions.iter().map(of_condition).fold(known, Self::max)
    }
}

/// Beyond those of [`spike_cli::Exit`].
impl From<Health> for ExitCode {
    fn from(health: Health) -> Self {
        match health {
            Health::Healthy => Self::SUCCESS,
            Health::Degraded => Self::from(7),
            Health::NeedsSomeone => Self::from(8),
        }
    }
}

/// True of a condition that says, by being true, that something is the matter.
pub(crate) fn is_abnormal(condition: &Condition) -> bool {
    ["Reconciling", "Stalled", "Paused"].contains(&condition.type_.as_str())
}

/// What one condition says.
pub(crate) fn of_condition(condition: &Condition) -> Health {
    let holds = condition.status == if is_abnormal(condition) { "False" } else { "True" };
    let remedy = remedy(&condition.type_, &condition.status, &condition.reason);
    match remedy {
        Some(remedy) if remedy.urgent => Health::NeedsSomeone,
        // Whatever stalls it, the operator waits for somebody.
        None if condition.type_ == "Stalled" && !holds => Health::NeedsSomeone,
        None if holds => Health::Healthy,
        _ => Health::Degraded,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn cluster(conditions: &[(&str, &str, &str)], observed: i64) -> SpikeCluster {
        let condition = |(kind, status, reason): &(&str, &str, &str)| {
            json!({"type": kind, "status": status, "reason": reason, "message": "",
                   "lastTransitionTime": "2026-01-02T03:04:05Z"})
        };
        let conditions: Vec<Value> = conditions.iter().map(condition).collect();
        from_value(json!({
            "apiVersion": "spike.ist/v1alpha1",
            "kind": "SpikeCluster",
            "metadata": {"name": "demo", "generation": 2},
            "spec": {
                "trustDomain": "example.org",
                "identity": {"builtin": {}},
                "store": {"sqlite": {}},
                "nexus": {"replicas": 1},
            },
            "status": {"observedGeneration": observed, "conditions": conditions},
        }))
        .expect("a cluster")
    }

    const READY: (&str, &str, &str) = ("Ready", "True", "Serving");

    #[test]
    fn each_condition_counts_and_the_worst_decides() {
        let of = |more: &[(&str, &str, &str)]| {
            let all: Vec<_> = [READY].iter().chain(more).copied().collect();
            Health::of(&cluster(&all, 2))
        };
        let held = ("QuorumHealthy", "True", "AllShardsHeld");
        assert_eq!(of(&[held]), Health::Healthy);
        let missing = ("QuorumHealthy", "False", "ShardsMissing");
        assert_eq!(of(&[missing]), Health::Degraded);
        assert_eq!(of(&[("Reconciling", "True", "Hydrating")]), Health::Degraded);
        assert_eq!(of(&[("Paused", "True", "Paused")]), Health::Degraded);
        assert_eq!(of(&[("RecoveryEscrowed", "False", "NotEscrowed")]), Health::Degraded);
        let shared = ("IdentityReady", "True", "KeeperIdentityShared");
        assert_eq!(of(&[shared]), Health::Degraded, "it holds, and still should be looked at");
        let unreachable = ("StoreReachable", "False", "Unreachable");
        assert_eq!(of(&[missing, unreachable, held]), Health::NeedsSomeone);
        assert_eq!(of(&[("Stalled", "True", "RecoveryRequired")]), Health::NeedsSomeone);
        assert_eq!(of(&[("Stalled", "True", "OfALaterVersion")]), Health::NeedsSomeone);
    }

    #[test]
    fn what_nobody_has_looked_at_is_not_called_healthy() {
        assert_eq!(Health::of(&cluster(&[READY], 1)), Health::Degraded, "of an older spec");
        assert_eq!(Health::of(&cluster(&[], 2)), Health::Degraded);
        let mut unseen = cluster(&[], 2);
        unseen.status = None;
        assert_eq!(Health::of(&unseen), Health::Degraded);
    }
}
