//! What of a `SpikeCluster` is needed to end it: names, and what its author said of the end. Pure.
//!
//! The rest of the spec may be anything. A cluster that ran, was edited into what can't work, and is
//! deleted then ends as it would have ended before.

use kube::api::ObjectMeta;
use serde_json::{Value, json};
use spike_crds::SpikeCluster;

/// One of the same names that can work, whatever else is wrong with the object.
///
/// It never runs, so its trust domain and its store are of no account but for their kind. An end that is
/// unknown here is `Retain`: nothing is lost by it.
pub(crate) fn ending(metadata: &ObjectMeta, object: &Value) -> SpikeCluster {
    let has = |pointer| object.pointer(pointer).is_some_and(|value| !value.is_null());
    let deletes = object.pointer("/spec/deletion/policy").is_some_and(|policy| policy == "Delete");
    let identity = if has("/spec/identity/builtin") { "builtin" } else { "spire" };
    let store = if has("/spec/store/sqlite") {
        json!({"sqlite": {}})
    } else {
        json!({"postgres": {"host": "none.invalid", "credentialsRef": {"name": "none"}}})
    };
    let mut bare: SpikeCluster = serde_json::from_value(json!({
        "apiVersion": spike_crds::manifest::API_VERSION,
        "kind": "SpikeCluster",
        "metadata": {},
        "spec": {
            "trustDomain": "none.invalid",
            "identity": {identity: {}},
            "store": store,
            "deletion": {"policy": if deletes { "Delete" } else { "Retain" }},
        },
    }))
    .expect("a SpikeCluster");
    bare.metadata = metadata.clone();
    let said = object.get("status").cloned();
    bare.status = said.and_then(|status| serde_json::from_value(status).ok());
    bare
}
