//! The `ConfigMap` that tells clients where the cluster is, and pods what became of it.
//!
//! What pods are configured with is in their templates, so that it changes with them and never under
//! them. Only what is found out later is read from here, at a container's start.

use serde_json::json;

use super::{Kind, Known, Object};
use crate::{cluster::Cluster, names::Part};

/// The key of the cluster id.
pub(super) const CLUSTER_ID: &str = "cluster-id";

pub(super) fn map(cluster: &Cluster, known: &Known) -> Object {
    let names = &cluster.names;
    let mut data = json!({
        "SPIKE_NEXUS_API_URL": format!("https://{}:8553", names.host(&names.part(Part::Nexus))),
        "SPIKE_TRUST_ROOT_NEXUS": cluster.trust_domain,
        "SPIKE_INSTANCE": names.instance(),
    });
    if let Some(id) = &known.cluster_id {
        super::object::merge(&mut data, json!({CLUSTER_ID: id}));
    }
    Object::new(cluster, Kind::ConfigMap, names.config(), "config", json!({"data": data}))
}
