//! What is made for Prometheus and Grafana.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is made for Prometheus and Grafana. Nothing is, unless asked for: their kinds may not be
/// installed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Monitoring {
    /// A `PodMonitor`.
    #[serde(default)]
    pub pod_monitor: bool,
    /// A `PrometheusRule` with alerts.
    #[serde(default)]
    pub rules: bool,
    /// A `ConfigMap` with a dashboard, labelled as Grafana's sidecar looks for it.
    #[serde(default)]
    pub dashboards: bool,
}
