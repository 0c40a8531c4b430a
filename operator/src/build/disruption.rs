//! Disruption budgets: a drain takes one at a time, and an unready pod never holds it up.

use serde_json::json;

use super::{Kind, Object};
use crate::{cluster::Cluster, names::Part};

pub(super) fn all(cluster: &Cluster) -> Vec<Object> {
    let mut parts = vec![Part::Nexus];
    if cluster.keepers() > 0 {
        parts.push(Part::Keeper);
    }
    parts.into_iter().map(|part| budget(cluster, part)).collect()
}

pub(super) fn budget(cluster: &Cluster, part: Part) -> Object {
    let body = json!({"spec": {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": cluster.names.selector(part)},
    }});
    let name = cluster.names.part(part);
    Object::new(cluster, Kind::PodDisruptionBudget, name, &part.to_string(), body)
}
