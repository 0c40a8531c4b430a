//! The built-in authority: who proves identities where SPIRE isn't.
//!
//! One per namespace, of two replicas. The operator makes its Secret empty and never reads it: it may
//! bind the roles that let the authority do so, and has neither itself.

use serde_json::json;
use spike_crds::{cluster::PodOverrides, names::port};

use super::{
    Kind, Object, Site, disruption,
    object::merge,
    pod::{self, Program},
    services::ports,
    volumes::{Mounted, var},
};
use crate::{
    cluster::Cluster,
    names::{AUTHORITY_BUNDLE, AUTHORITY_ROLE, Digested as _, Part, REVIEWER_ROLE},
};

/// Where it has its probes.
const PROBES: u16 = 8446;

/// Where the kubelet puts what the Kubernetes API wants to see.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

pub(super) fn all(cluster: &Cluster, site: &Site) -> Vec<Object> {
    let mut objects = vec![
        bundle(cluster),
        binding(cluster, Kind::RoleBinding, AUTHORITY_ROLE),
        binding(cluster, Kind::ClusterRoleBinding, REVIEWER_ROLE),
        service(cluster),
        disruption::budget(cluster, Part::Authority),
    ];
    if cluster.network.is_some() {
        objects.push(policy(cluster));
    }
    objects.push(deployment(cluster, site));
    objects
}

/// Where the authority publishes its roots: made empty, so that the authority needn't make anything.
fn bundle(cluster: &Cluster) -> Object {
    Object::new(cluster, Kind::ConfigMap, AUTHORITY_BUNDLE.to_owned(), "authority", json!({}))
}

fn binding(cluster: &Cluster, kind: Kind, role: &str) -> Object {
    let account = cluster.names.part(Part::Authority);
    let name = match kind {
        Kind::ClusterRoleBinding => cluster.names.cluster_scoped("authority"),
        _ => account.clone(),
    };
    let body = json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [
            {"kind": "ServiceAccount", "name": account, "namespace": cluster.names.namespace},
        ],
    });
    Object::new(cluster, kind, name, "authority", body)
}

fn service(cluster: &Cluster) -> Object {
    let body = json!({"spec": {
        "type": "ClusterIP",
        "selector": cluster.names.selector(Part::Authority),
        "ports": ports(port::AUTHORITY),
    }});
    Object::new(cluster, Kind::Service, cluster.names.part(Part::Authority), "authority", body)
}

/// Whoever has a token may ask; it goes out to the Kubernetes API, whose address is nobody's to know.
fn policy(cluster: &Cluster) -> Object {
    let ports = [port::AUTHORITY, PROBES].map(|port| json!({"port": port, "protocol": "TCP"}));
    let body = json!({"spec": {
        "podSelector": {"matchLabels": cluster.names.selector(Part::Authority)},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": ports}],
    }});
    let name = cluster.names.part(Part::Authority);
    Object::new(cluster, Kind::NetworkPolicy, name, "authority", body)
}

fn deployment(cluster: &Cluster, site: &Site) -> Object {
    let overrides = PodOverrides::default();
    let env = vec![
        var("SPIKE_INSTANCE", cluster.names.instance()),
        var("SPIKE_SYSTEM_LOG_LEVEL", cluster.log_level.to_string()),
        var("SPIKE_AUTHORITY_TRUST_DOMAIN", &cluster.trust_domain),
        var("SPIKE_AUTHORITY_OPERATOR", format!("{}/{}", site.namespace, site.account)),
        var("SPIKE_AUTHORITY_BUNDLE", AUTHORITY_BUNDLE),
    ];
    let program = Program {
        part: Part::Authority,
        file: "operator",
        args: vec![json!("authority")],
        env,
        mounted: vec![kubernetes()],
        resources: json!({"requests": {"cpu": "20m", "memory": "32Mi"}}),
        overrides: &overrides,
        grace: 30,
    };
    let mut template = program.template(
        cluster,
        json!({
            "topologySpreadConstraints": [{
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": cluster.names.selector(Part::Authority)},
            }],
            "container": pod::server(port::AUTHORITY, PROBES),
        }),
    );
    // It is the operator's own program, of the operator's own version.
    if let Some(image) = template.pointer_mut("/spec/containers/0/image") {
        *image = json!(site.image);
    }
    let mut body = json!({"spec": {
        "replicas": 2,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": cluster.names.selector(Part::Authority)},
    }});
    merge(&mut body, json!({"spec": {"template": template}}));
    let name = cluster.names.part(Part::Authority);
    Object::new(cluster, Kind::Deployment, name, "authority", body)
}

/// The authority is the one program of a cluster that talks to the Kubernetes API.
fn kubernetes() -> Mounted {
    let items = json!([{"key": "ca.crt", "path": "ca.crt"}]);
    let namespace = json!([{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]);
    Mounted {
        volume: json!({"name": "kubernetes", "projected": {"defaultMode": 0o440, "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": items}},
            {"downwardAPI": {"items": namespace}},
        ]}}),
        mount: json!({"name": "kubernetes", "mountPath": ACCOUNT, "readOnly": true}),
        env: Vec::new(),
    }
}
