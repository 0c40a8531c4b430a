//! Network policies: what may talk to whom.
//!
//! Nexus is for this namespace and for whom the spec names; Keepers are for Nexus and bootstrap
//! alone. Identities decide all the same: a policy only keeps strangers from trying.

use serde_json::{Value, json};
use spike_crds::{cluster::NetworkPolicy, names::port};

use super::{Kind, Object, Site};
use crate::{
    cluster::{Cluster, Identity, Store},
    names::Part,
};

pub(super) fn all(cluster: &Cluster, site: &Site) -> Vec<Object> {
    let Some(policy) = &cluster.network else { return Vec::new() };
    let mut policies = vec![nexus(cluster, policy, site)];
    if cluster.keepers() > 0 {
        policies.push(keeper(cluster));
    }
    if !cluster.store.is_single() {
        policies.push(bootstrap(cluster, policy));
    }
    policies
}

fn nexus(cluster: &Cluster, policy: &NetworkPolicy, site: &Site) -> Object {
    let operator = json!({"namespaceSelector": {
        "matchLabels": {"kubernetes.io/metadata.name": site.namespace},
    }});
    let anyone_here = json!({"podSelector": {}});
    let mut from = vec![anyone_here, operator];
    from.extend(policy.extra_ingress.iter().map(|peer| json!(peer)));
    let ingress = json!([
        {"from": from, "ports": tcp(&[port::NEXUS])},
        // Probes of the kubelet come from the node; metrics from wherever Prometheus is.
        {"ports": tcp(&[port::NEXUS_PROBES])},
    ]);
    one(cluster, Part::Nexus, &ingress, &egress(cluster, policy))
}

fn keeper(cluster: &Cluster) -> Object {
    let from = [Part::Nexus, Part::Bootstrap].map(|part| pods(cluster, part));
    let ingress = json!([
        {"from": from, "ports": tcp(&[port::KEEPER])},
        {"ports": tcp(&[port::KEEPER_PROBES])},
    ]);
    let mut rules = vec![dns()];
    rules.extend(authority(cluster));
    one(cluster, Part::Keeper, &ingress, &rules)
}

fn bootstrap(cluster: &Cluster, policy: &NetworkPolicy) -> Object {
    one(cluster, Part::Bootstrap, &json!([]), &egress(cluster, policy))
}

/// What Nexus and its Jobs reach: names, identities, Keepers, the store.
fn egress(cluster: &Cluster, policy: &NetworkPolicy) -> Vec<Value> {
    let mut rules = vec![dns()];
    rules.extend(authority(cluster));
    if cluster.keepers() > 0 {
        rules.push(json!({"to": [pods(cluster, Part::Keeper)], "ports": tcp(&[port::KEEPER])}));
    }
    if let Store::Postgres(postgres) = &cluster.store {
        // Where it is may change with a failover; its port doesn't.
        rules.push(postgres.port.map_or_else(|| json!({}), |port| json!({"ports": tcp(&[port])})));
    }
    if !policy.egress_cidrs.is_empty() {
        let blocks = policy.egress_cidrs.iter().map(|cidr| json!({"ipBlock": {"cidr": cidr}}));
        rules.push(json!({"to": blocks.collect::<Vec<_>>()}));
    }
    rules
}

fn authority(cluster: &Cluster) -> Option<Value> {
    (cluster.identity == Identity::Builtin)
        .then(|| json!({"to": [pods(cluster, Part::Authority)], "ports": tcp(&[port::AUTHORITY])}))
}

fn dns() -> Value {
    json!({"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]})
}

fn pods(cluster: &Cluster, part: Part) -> Value {
    json!({"podSelector": {"matchLabels": cluster.names.selector(part)}})
}

fn tcp(ports: &[u16]) -> Value {
    ports.iter().map(|port| json!({"port": port, "protocol": "TCP"})).collect()
}

fn one(cluster: &Cluster, part: Part, ingress: &Value, egress: &[Value]) -> Object {
    let body = json!({"spec": {
        "podSelector": {"matchLabels": cluster.names.selector(part)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress,
        "egress": egress,
    }});
    let name = cluster.names.part(part);
    Object::new(cluster, Kind::NetworkPolicy, name, &part.to_string(), body)
}
