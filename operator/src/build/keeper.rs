//! The Keepers' `StatefulSet`.
//!
//! Its template depends neither on how many shards there are nor on where the others are: a re-share
//! restarts no Keeper. Pods are replaced only when the operator evicts them.

use serde_json::{Value, json};
use spike_crds::{cluster::WhenUnsatisfiable, names::port};

use super::{
    Kind, Object,
    object::said,
    pod::{self, Program},
    volumes::var,
};
use crate::{
    cluster::Cluster,
    names::{Part, annotation},
};

/// What a Keeper needs, and a little more: it holds kilobytes.
const CPU: &str = "50m";
const MEMORY: &str = "64Mi";

/// Longer than its drain, for it has little to finish.
const GRACE: u32 = 30;

/// What the operator remembers of the Keepers on their `StatefulSet`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// The last template with which every Keeper was hydrated.
    pub good: Option<Value>,
    /// The digest of one with which a Keeper wasn't.
    pub bad: Option<String>,
    /// The cluster id of the key ring, once one was seen.
    pub cluster_id: Option<String>,
}

/// The Keepers' pod template.
pub fn template(cluster: &Cluster) -> Value {
    let keeper = &cluster.keeper;
    let mut resources = pod::amounts(keeper.resources.as_ref());
    resources.entry("cpu").or_insert_with(|| json!(CPU));
    resources.entry("memory").or_insert_with(|| json!(MEMORY));
    let mut env = pod::common(cluster);
    env.push(var("SPIKE_DRAIN", "10s"));
    let program = Program {
        part: Part::Keeper,
        file: "keeper",
        args: Vec::new(),
        env,
        mounted: vec![pod::identity(cluster)],
        // As much as it may use is set aside for it: it is evicted last.
        resources: json!({"requests": resources, "limits": resources}),
        overrides: &keeper.overrides,
        grace: GRACE,
    };
    let spread = match keeper.spread {
        WhenUnsatisfiable::DoNotSchedule => "DoNotSchedule",
        WhenUnsatisfiable::ScheduleAnyway => "ScheduleAnyway",
    };
    let own = keeper.overrides.priority_class_name.as_ref().or(keeper.priority_class.as_ref());
    let more = said(json!({
        "priorityClassName": own,
        "topologySpreadConstraints": [{
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": spread,
            "labelSelector": {"matchLabels": cluster.names.selector(Part::Keeper)},
        }],
        "container": pod::server(port::KEEPER, port::KEEPER_PROBES),
    }));
    program.template(cluster, more)
}

/// The `StatefulSet` with one of its templates.
pub fn stateful_set(cluster: &Cluster, replicas: u8, template: &Value, memory: &Memory) -> Object {
    let name = cluster.names.part(Part::Keeper);
    let body = json!({"spec": {
        "replicas": replicas,
        "serviceName": name,
        "podManagementPolicy": "Parallel",
        "updateStrategy": {"type": "OnDelete"},
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": cluster.names.selector(Part::Keeper)},
        "template": template,
    }});
    let text = |value: &Value| Value::String(value.to_string());
    let remembered = [
        (annotation::TEMPLATE_APPLIED, Some(text(template))),
        (annotation::TEMPLATE_GOOD, memory.good.as_ref().map(text)),
        (annotation::TEMPLATE_BAD, memory.bad.clone().map(Value::String)),
        (annotation::CLUSTER_ID, memory.cluster_id.clone().map(Value::String)),
    ];
    let remembered = remembered.into_iter().filter_map(|(key, value)| Some((key, value?)));
    Object::new(cluster, Kind::StatefulSet, name, "keeper", body).annotated(remembered)
}
