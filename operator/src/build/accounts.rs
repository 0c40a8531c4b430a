//! Service accounts: who a pod is. None mounts a token that the Kubernetes API would take.

use serde_json::json;

use super::{Kind, Object};
use crate::{
    cluster::{Cluster, Identity},
    names::Part,
};

/// The roles of people, whose accounts nobody runs under.
const PEOPLE: [&str; 3] = ["superuser", "recover", "restore"];

pub(super) fn all(cluster: &Cluster) -> Vec<Object> {
    let names = &cluster.names;
    let builtin = cluster.identity == Identity::Builtin;
    let mut parts = vec![Part::Nexus];
    if cluster.keepers() > 0 {
        parts.push(Part::Keeper);
    }
    if !cluster.store.is_single() {
        parts.push(Part::Bootstrap);
    }
    if builtin {
        parts.push(Part::Authority);
    }
    let parts = parts.into_iter().map(|part| account(cluster, names.part(part), &part.to_string()));
    parts.chain(PEOPLE.map(|role| account(cluster, names.people(role), role))).collect()
}

fn account(cluster: &Cluster, name: String, component: &str) -> Object {
    let body = json!({"automountServiceAccountToken": false});
    Object::new(cluster, Kind::ServiceAccount, name, component, body)
}
