//! What Prometheus and Grafana are told, where they were asked for.

use serde_json::{Value, json};

use super::{Kind, Object};
use crate::{
    cluster::Cluster,
    names::{Digested as _, Names, Part, label},
};

pub(super) fn all(cluster: &Cluster) -> Vec<Object> {
    let asked = &cluster.monitoring;
    let mut objects = Vec::new();
    if asked.pod_monitor {
        objects.push(pod_monitor(cluster));
    }
    if asked.rules {
        objects.push(rules(cluster));
    }
    if asked.dashboards {
        objects.push(dashboard(cluster));
    }
    objects
}

/// What to do about each alert.
const RUNBOOKS: &str = "https://github.com/spike-rs/spike/blob/main/docs/runbooks.md";

fn name(cluster: &Cluster) -> String {
    format!("spike-{}", cluster.names.cluster)
}

fn pod_monitor(cluster: &Cluster) -> Object {
    let body = json!({"spec": {
        "selector": {"matchLabels": {label::CLUSTER: cluster.names.cluster}},
        "podMetricsEndpoints": [{"port": "probes", "path": "/metrics", "interval": "15s"}],
    }});
    Object::new(cluster, Kind::PodMonitor, name(cluster), "monitoring", body)
}

/// The labels of the series of a cluster's pods: `demo`'s, and not those of `demo-two`.
fn series(cluster: &Cluster) -> String {
    let Names { namespace, cluster } = &cluster.names;
    let (nexus, keeper, authority) = (Part::Nexus, Part::Keeper, Part::Authority);
    // Of a long name Kubernetes cuts the middle of the three.
    let replica = format!("({nexus}|{authority})-[a-z0-9]+(-[a-z0-9]{{5}})?");
    format!("namespace=\"{namespace}\",pod=~\"spike-{cluster}-({keeper}-[0-9]+|{replica})\"")
}

fn rules(cluster: &Cluster) -> Object {
    let of = series(cluster);
    let alert = |name: &str, expression: String, lasts: &str, severity: &str, summary: &str| {
        json!({
            "alert": name,
            "expr": expression,
            "for": lasts,
            "labels": {"severity": severity, "spike_cluster": cluster.names.cluster},
            "annotations": {
                "summary": summary,
                "runbook_url": format!("{RUNBOOKS}#{}", name.to_lowercase()),
            },
        })
    };
    let threshold = cluster.threshold;
    let mut alerts = vec![
        alert(
            "SpikeSealed",
            format!("max(spike_sealed{{{of}}}) > 0"),
            "5m",
            "critical",
            "A Nexus has no root key and serves nothing.",
        ),
        alert(
            "SpikeAuditFails",
            format!("sum(increase(spike_audit_failures_total{{{of}}}[5m])) > 0"),
            "0m",
            "critical",
            "Requests are refused because the audit takes no lines.",
        ),
        alert(
            "SpikeIdentityExpires",
            format!("min(spike_svid_expiry_seconds{{{of}}}) < 600"),
            "2m",
            "critical",
            "An SVID is not renewed: its pod will be nobody soon.",
        ),
    ];
    if cluster.keepers() > 0 {
        alerts.push(alert(
            "SpikeQuorumAtRisk",
            format!("min(sum by (pod) (spike_keeper_up{{{of}}})) <= {threshold}"),
            "5m",
            "warning",
            "One more lost Keeper, and a restarted Nexus finds no root key.",
        ));
    }
    let body = json!({"spec": {"groups": [{"name": name(cluster), "rules": alerts}]}});
    Object::new(cluster, Kind::PrometheusRule, name(cluster), "monitoring", body)
}

fn dashboard(cluster: &Cluster) -> Object {
    let of = format!("{{{}}}", series(cluster));
    let panels = [
        ("Requests", format!("sum by (route, outcome) (rate(spike_requests_total{of}[5m]))")),
        ("Store", format!("sum by (op) (rate(spike_store_seconds_sum{of}[5m]))")),
        ("Keepers", format!("min by (index) (spike_keeper_up{of})")),
        ("Sealed", format!("max by (pod) (spike_sealed{of})")),
    ];
    let panel = |(at, (title, expression)): (usize, (&str, String))| {
        json!({
            "id": at + 1,
            "title": title,
            "type": "timeseries",
            "gridPos": {"h": 8, "w": 12, "x": at % 2 * 12, "y": at / 2 * 8},
            "targets": [{"expr": expression, "refId": "A"}],
        })
    };
    let panels: Vec<Value> = panels.into_iter().enumerate().map(panel).collect();
    let board = json!({
        "title": format!("Spike {}", cluster.names.instance()),
        "uid": cluster.names.cluster_scoped("board"),
        "schemaVersion": 39,
        "panels": panels,
    });
    let mut object = Object::new(
        cluster,
        Kind::ConfigMap,
        format!("{}-dashboard", name(cluster)),
        "monitoring",
        json!({"data": {"spike.json": board.to_string()}}),
    );
    super::object::merge(
        &mut object.manifest,
        json!({"metadata": {"labels": {"grafana_dashboard": "1"}}}),
    );
    object
}
