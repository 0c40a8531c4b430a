//! `ClusterSPIFFEID`s: which pods SPIRE gives which identity.
//!
//! They have no namespace, so nothing in a namespace can own them: the finalizer removes them.

use serde_json::json;
use spike_crds::cluster::ClusterSpiffeIds;

use super::{Kind, Object, object::said};
use crate::{
    cluster::{Cluster, Identity},
    names::{Digested as _, Part},
};

pub(super) fn all(cluster: &Cluster) -> Vec<Object> {
    let Identity::Spire { registration: ClusterSpiffeIds::Manage, class, federates_with, .. } =
        &cluster.identity
    else {
        return Vec::new();
    };
    let mut roles = vec![("nexus", "nexus"), ("superuser", "pilot/role/superuser")];
    roles.extend([("recover", "pilot/role/recover"), ("restore", "pilot/role/restore")]);
    if cluster.keepers() > 0 {
        roles.push(("keeper", "keeper"));
    }
    if !cluster.store.is_single() {
        roles.push(("bootstrap", "bootstrap"));
    }
    let one = |(role, path): (&str, &str)| {
        let instance = cluster.names.instance();
        // Each Keeper is somebody of its own: a stolen identity gets one shard.
        let tail = if role == "keeper" { "/{{ .PodMeta.Name }}" } else { "" };
        let id = format!("spiffe://{}/spike/{path}/{instance}{tail}", cluster.trust_domain);
        let federates = (!federates_with.is_empty()).then_some(federates_with);
        let namespace = &cluster.names.namespace;
        let account = cluster.names.people(role);
        // SPIRE gets an entry for every pod that is selected: a part's own pods are known by labels,
        // those of people are not.
        let parts = [Part::Nexus, Part::Keeper, Part::Bootstrap];
        let part = parts.into_iter().find(|part| part.to_string() == role);
        let pods = part.map(|part| json!({"matchLabels": cluster.names.selector(part)}));
        let body = json!({"spec": said(json!({
            "className": class,
            "spiffeIDTemplate": id,
            "hint": role,
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "podSelector": pods,
            "workloadSelectorTemplates": [format!("k8s:ns:{namespace}"), format!("k8s:sa:{account}")],
            "federatesWith": federates,
        }))});
        let name = cluster.names.cluster_scoped(role);
        Object::new(cluster, Kind::ClusterSpiffeId, name, role, body)
    };
    roles.into_iter().map(one).collect()
}
