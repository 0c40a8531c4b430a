//! Services: where Nexus and Keepers are.

use serde_json::{Value, json};
use spike_crds::{cluster::ServiceType, names::port};

use super::{Kind, Object};
use crate::{cluster::Cluster, names::Part};

pub(super) fn all(cluster: &Cluster) -> Vec<Object> {
    let names = &cluster.names;
    let mut services =
        vec![client(cluster), headless(cluster, Part::Nexus, names.admin_service(), port::NEXUS)];
    if cluster.keepers() > 0 {
        let name = names.part(Part::Keeper);
        services.push(headless(cluster, Part::Keeper, name, port::KEEPER));
    }
    services
}

/// For clients: ready replicas only.
fn client(cluster: &Cluster) -> Object {
    let names = &cluster.names;
    let service = &cluster.nexus.service;
    let kind = match service.kind {
        ServiceType::ClusterIP => "ClusterIP",
        ServiceType::NodePort => "NodePort",
        ServiceType::LoadBalancer => "LoadBalancer",
    };
    let body = json!({"spec": {
        "type": kind,
        "selector": names.selector(Part::Nexus),
        "ports": ports(port::NEXUS),
    }});
    let annotations = service.annotations.clone();
    Object::new(cluster, Kind::Service, names.part(Part::Nexus), "nexus", body)
        .annotated(annotations)
}

/// For ourselves: each replica by its own name, ready or not.
fn headless(cluster: &Cluster, component: Part, name: String, port: u16) -> Object {
    let body = json!({"spec": {
        "clusterIP": "None",
        "publishNotReadyAddresses": true,
        "selector": cluster.names.selector(component),
        "ports": ports(port),
    }});
    Object::new(cluster, Kind::Service, name, &component.to_string(), body)
}

pub(super) fn ports(port: u16) -> Value {
    // Spelt out, as the API server would: what is left out would look like somebody's change.
    json!([{"name": "https", "port": port, "protocol": "TCP", "targetPort": "https"}])
}
