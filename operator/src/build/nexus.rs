//! The Nexus Deployment.
//!
//! A new replica is ready before an old one goes; with a store that only one may open, the old one
//! is gone before the new one starts.

use serde_json::{Value, json};
use spike_crds::{cluster::Resources, names::port};

use super::{
    Kind, Object,
    config::CLUSTER_ID,
    object::{merge, said},
    pod::{self, Program},
    volumes::{self, Mounted, var},
};
use crate::{
    cluster::{BootstrapMode, Cluster, Store},
    names::{Part, annotation},
};

/// What a replica needs to serve a few hundred requests per second.
const CPU: &str = "100m";
const MEMORY: &str = "128Mi";

/// The drain, and what outlives its requests.
const GRACE: u32 = 60;

/// How long a replica that is about to stop still takes requests: endpoints change in their own time.
const FAREWELL: u32 = 5;

/// How long a rollout may get no further before that is said.
const PROGRESS: u32 = 300;

/// Where the file of a `SQLite` store is.
const DATA: &str = "/var/lib/spike";

/// The pod template, for so many Keepers.
pub fn template(cluster: &Cluster, peers: u8) -> Value {
    let mut mounted = vec![pod::identity(cluster)];
    mounted.extend(store(cluster));
    let program = Program {
        part: Part::Nexus,
        file: "nexus",
        args: args(cluster),
        env: env(cluster, peers),
        mounted,
        resources: resources(cluster.nexus.resources.as_ref()),
        overrides: &cluster.nexus.overrides,
        grace: GRACE,
    };
    let mut container = pod::server(port::NEXUS, port::NEXUS_PROBES);
    merge(&mut container, json!({"lifecycle": {"preStop": {"sleep": {"seconds": FAREWELL}}}}));
    let more = json!({
        "topologySpreadConstraints": [{
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": cluster.names.selector(Part::Nexus)},
        }],
        "container": container,
    });
    program.template(cluster, more)
}

/// The Deployment. `replicas` is left out where an autoscaler decides.
pub fn deployment(cluster: &Cluster, peers: u8) -> Object {
    let name = cluster.names.part(Part::Nexus);
    let strategy = if cluster.store.is_single() {
        json!({"type": "Recreate"})
    } else {
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}})
    };
    let replicas = cluster.nexus.autoscaling.is_none().then_some(cluster.nexus.replicas);
    let body = json!({"spec": said(json!({
        "replicas": replicas,
        "strategy": strategy,
        "progressDeadlineSeconds": PROGRESS,
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": cluster.names.selector(Part::Nexus)},
        "template": template(cluster, peers),
    }))});
    let wished = super::digest(&template(cluster, 0));
    Object::new(cluster, Kind::Deployment, name, "nexus", body).annotated([
        (annotation::TEMPLATE, Value::from(wished.as_str())),
        (annotation::PEERS, Value::from(peers.to_string())),
    ])
}

/// The volume of a store that is a file. Nobody deletes it but people.
pub(super) fn volume(cluster: &Cluster) -> Option<Object> {
    let Store::Sqlite { size, class } = &cluster.store else { return None };
    let name = cluster.names.of(Part::Nexus, "data");
    let body = json!({"spec": said(json!({
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
        "storageClassName": class,
    }))});
    Some(Object::new(cluster, Kind::PersistentVolumeClaim, name, "nexus", body))
}

fn args(cluster: &Cluster) -> Vec<Value> {
    let bootstraps = matches!(cluster.store, Store::Sqlite { .. })
        && cluster.bootstrap == BootstrapMode::IfEmpty;
    if bootstraps { vec![json!("serve"), json!("--bootstrap")] } else { Vec::new() }
}

fn store(cluster: &Cluster) -> Option<Mounted> {
    match &cluster.store {
        Store::Postgres(postgres) => {
            Some(volumes::postgres(postgres, postgres.credentials.as_ref()))
        }
        Store::Sqlite { .. } => {
            let claim = cluster.names.of(Part::Nexus, "data");
            Some(Mounted {
                volume: json!({"name": "data", "persistentVolumeClaim": {"claimName": claim}}),
                mount: json!({"name": "data", "mountPath": DATA}),
                env: vec![var("SPIKE_NEXUS_STORE_URL", format!("sqlite://{DATA}/spike.db"))],
            })
        }
        Store::Memory => None,
    }
}

/// What Nexus and its bootstrap are told alike.
pub(super) fn env(cluster: &Cluster, peers: u8) -> Vec<Value> {
    let mut env = pod::common(cluster);
    if cluster.store == Store::Memory {
        env.push(var("SPIKE_NEXUS_STORE_URL", "memory:"));
        return env;
    }
    let urls: Vec<_> = (0..peers).map(|n| cluster.names.keeper_url(n)).collect();
    env.push(var("SPIKE_NEXUS_KEEPER_PEERS", urls.join(",")));
    env.push(var("SPIKE_NEXUS_SHAMIR_SHARES", cluster.shares.to_string()));
    env.push(var("SPIKE_NEXUS_SHAMIR_THRESHOLD", cluster.threshold.to_string()));
    env.push(var("SPIKE_NEXUS_SHAMIR_GENERATION", cluster.generation.to_string()));
    // Not there until a ring was seen; a running replica checks what it read first by itself.
    let reference = json!({"name": cluster.names.config(), "key": CLUSTER_ID, "optional": true});
    env.push(json!({
        "name": "SPIKE_EXPECTED_CLUSTER_ID", "valueFrom": {"configMapKeyRef": reference},
    }));
    if !cluster.recipients.is_empty() && matches!(cluster.store, Store::Sqlite { .. }) {
        env.push(var("SPIKE_BOOTSTRAP_RECIPIENTS", cluster.recipients.join(",")));
    }
    env
}

fn resources(given: Option<&Resources>) -> Value {
    let mut requests = pod::amounts(given.and_then(|given| given.requests.as_ref()));
    let limits = pod::amounts(given.and_then(|given| given.limits.as_ref()));
    requests.entry("cpu").or_insert_with(|| json!(CPU));
    requests.entry("memory").or_insert_with(|| json!(MEMORY));
    let mut resources = json!({"requests": requests});
    if !limits.is_empty() {
        merge(&mut resources, json!({"limits": limits}));
    }
    resources
}
