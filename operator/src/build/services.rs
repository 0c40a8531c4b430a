//! Services: where Nexus and Keepers are.

use serde_json::{Value, json};
use spike_crds::{cluster::ServiceType, names::port};

use super::{Kind, Object};
use crate::{cluster::Cluster, names::Part};

/// Where Nexus serves its API.
pub(super) const NEXUS_PORT: u16 = port::NEXUS;

/// Where a Keeper serves Nexus.
pub(super) const KEEPER_PORT: u16 = port::KEEPER;

/// Where Nexus has its probes.
pub(super) const NEXUS_PROBES: u16 = port::NEXUS_PROBES;

/// Where a Keeper has its probes.
pub(super) const KEEPER_PROBES: u16 = port::KEEPER_PROBES;

/// Where the authority listens.
pub(super) const AUTHORITY_PORT: u16 = port::AUTHORITY;

pub(super) fn all(cluster: &Cluster) -> Vec<Object> {
    let names = &cluster.names;
    let mut services =
        vec![client(cluster), headless(cluster, Part::Nexus, names.admin_service(), NEXUS_PORT)];
    if cluster.keepers() > 0 {
        let name = names.part(Part::Keeper);
        services.push(headless(cluster, Part::Keeper, name, KEEPER_PORT));
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
        "ports": ports(NEXUS_PORT),
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
