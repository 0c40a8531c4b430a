//! Everything that an operator made of a cluster, whatever the API server added.

use std::{collections::BTreeMap, fmt};

use kube::{
    Api, Client,
    api::{DynamicObject, ListParams},
};
use serde_json::{Value, json};
use spike_crds::SpikeCluster;
use spike_operator::build::Kind;

/// The kinds that an API server has of itself, in a namespace.
pub(crate) const TYPES: [Kind; 12] = [
    Kind::ConfigMap,
    Kind::Secret,
    Kind::Service,
    Kind::ServiceAccount,
    Kind::PersistentVolumeClaim,
    Kind::Deployment,
    Kind::StatefulSet,
    Kind::Job,
    Kind::PodDisruptionBudget,
    Kind::NetworkPolicy,
    Kind::HorizontalPodAutoscaler,
    Kind::RoleBinding,
];

/// By kind and name.
#[derive(Clone, PartialEq)]
pub(crate) struct Snapshot(pub(crate) BTreeMap<String, Value>);

impl Snapshot {
    /// Of the cluster `demo` of a namespace.
    pub(crate) async fn of(client: &Client, namespace: &str) -> Self {
        let mut all = BTreeMap::new();
        let ours = ListParams::default().labels("spike.ist/cluster=demo");
        for kind in TYPES {
            let api: Api<DynamicObject> =
                Api::namespaced_with(client.clone(), namespace, &kind.resource());
            for (index, object) in api.list(&ours).await.expect("listed").into_iter().enumerate() {
                let name = object.metadata.name.clone().expect("named");
                let value = serde_json::to_value(&object).expect("JSON");
                let text = plain(value, namespace);
                // A Job's name has a digest in it of what it was asked for, with its namespace.
                let (name, text) = match kind {
                    Kind::Job => (index.to_string(), text.replace(&name, "JOB")),
                    _ => (name, text),
                };
                let value = serde_json::from_str(&text).expect("JSON");
                all.insert(format!("{}/{name}", kind.name()), value);
            }
        }
        let clusters: Api<SpikeCluster> = Api::namespaced(client.clone(), namespace);
        if let Some(cluster) = clusters.get_opt("demo").await.expect("asked") {
            let conditions = cluster.status.map(|status| status.conditions).unwrap_or_default();
            let said = conditions.iter().map(|c| format!("{}={} {}", c.type_, c.status, c.reason));
            all.insert("SpikeCluster/demo".to_owned(), said.collect());
        }
        Self(all)
    }
}

/// Without what differs from one namespace, and one try, to another.
fn plain(mut object: Value, namespace: &str) -> String {
    let fields = object.pointer_mut("/metadata/managedFields").map(Value::take);
    let fields = fields.unwrap_or_default();
    let ours = fields
        .as_array()
        .into_iter()
        .flatten()
        .filter(|field| field["manager"] == "spike-operator" && field["operation"] == "Apply");
    let ours: Vec<_> = ours.map(|field| field.get("fieldsV1").cloned()).collect();
    let map = object.as_object_mut().expect("an object");
    map.remove("status");
    strip(&mut object);
    let text = json!({"object": object, "ours": ours}).to_string();
    text.replace(namespace, "NAMESPACE")
}

fn strip(value: &mut Value) {
    // Digests are of what has a namespace in it.
    const VARYING: [&str; 17] = [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "managedFields",
        "clusterIP",
        "clusterIPs",
        "controller-uid",
        "batch.kubernetes.io/controller-uid",
        "deployment.kubernetes.io/revision",
        "spike.ist/owner-uid",
        "spike.ist/applied",
        "spike.ist/asked",
        "spike.ist/template",
        "spike.ist/template-applied",
        "secrets",
        "example.org/poked",
    ];
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !VARYING.contains(&key.as_str()));
            map.values_mut().for_each(strip);
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Names: what differs is for `differs` to say.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Snapshot {
    /// What is there of one and not, or otherwise, of the other.
    pub(crate) fn differs(&self, other: &Self) -> Vec<String> {
        let names = self.0.keys().chain(other.0.keys());
        let differ = names.filter(|name| self.0.get(*name) != other.0.get(*name));
        let show =
            |name: &String| format!("{name}\n  {:?}\n  {:?}", self.0.get(name), other.0.get(name));
        differ.map(show).collect()
    }
}
