//! The secrets API.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PodOverrides, Resources};

/// The secrets API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Nexus {
    /// How many replicas; with `sqlite` and `memory` exactly 1. With `autoscaling` the fewest.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default = "two")]
    pub replicas: i32,
    /// What each is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Replicas by load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// Where clients find it.
    #[serde(default)]
    pub service: Service,
    /// Changes to its pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_overrides: Option<PodOverrides>,
}

fn two() -> i32 {
    2
}

impl Default for Nexus {
    fn default() -> Self {
        Self {
            replicas: two(),
            resources: None,
            autoscaling: None,
            service: Service::default(),
            pod_overrides: None,
        }
    }
}

/// Replicas by load: at least `replicas`, at most `maxReplicas`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Autoscaling {
    /// The most replicas.
    #[schemars(range(min = 1, max = 100))]
    pub max_replicas: i32,
    /// How busy they should be, in percent of the CPU they request.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default = "seventy")]
    pub target_cpu_percent: i32,
}

fn seventy() -> i32 {
    70
}

/// Where clients find Nexus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// What kind of Service it is. A load balancer must pass TLS through.
    #[serde(default, rename = "type")]
    pub kind: ServiceType,
    /// Annotations, as load balancers want them.
    #[schemars(extend("maxProperties" = 32))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What kind of Service Nexus has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// Inside Kubernetes only.
    #[default]
    ClusterIP,
    /// On a port of every node.
    NodePort,
    /// By a load balancer, which must pass TLS through.
    LoadBalancer,
}
