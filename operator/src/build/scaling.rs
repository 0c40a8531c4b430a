//! Replicas by load, and how the number of replicas is handed over to whoever decides it.

use serde_json::{Value, json};

use super::{Kind, Object};
use crate::{cluster::Cluster, names::Part};

pub(super) fn autoscaler(cluster: &Cluster) -> Option<Object> {
    let scaling = cluster.nexus.autoscaling.as_ref()?;
    let name = cluster.names.part(Part::Nexus);
    let body = json!({"spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": cluster.nexus.replicas,
        "maxReplicas": scaling.max_replicas,
        "metrics": [{"type": "Resource", "resource": {
            "name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": scaling.target_cpu_percent},
        }}],
    }});
    Some(Object::new(cluster, Kind::HorizontalPodAutoscaler, name, "nexus", body))
}

/// Keeps the number of replicas while nobody has it: applied by another manager before ours lets go
/// of the field, which would otherwise fall to one.
pub fn handover(cluster: &Cluster, live: u16, version: Option<&str>) -> Value {
    json!({
        "apiVersion": Kind::Deployment.api_version(),
        "kind": Kind::Deployment.name(),
        "metadata": {
            "name": cluster.names.part(Part::Nexus),
            "namespace": cluster.names.namespace,
            "resourceVersion": version,
        },
        "spec": {"replicas": live},
    })
}
