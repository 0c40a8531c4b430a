//! The pods of a test's cluster, and the nodes that they run on.

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{Api as Resources, ResourceExt, api::ListParams};

use crate::{NAME, Namespace};

/// Whoever holds a shard.
pub const KEEPER: &str = "keeper";

/// Whoever serves secrets.
pub const NEXUS: &str = "nexus";

/// The pods of a part of the cluster, those that are about to go among them.
pub async fn pods(namespace: &Namespace, part: &str) -> anyhow::Result<Vec<Pod>> {
    let pods = Resources::<Pod>::namespaced(namespace.client(), &namespace.name);
    Ok(pods.list(&ListParams::default().labels(&of_cluster(Some(part)))).await?.items)
}

/// The nodes that pods may run on.
pub async fn nodes(namespace: &Namespace) -> anyhow::Result<Vec<String>> {
    let nodes = Resources::<Node>::all(namespace.client());
    let all = nodes.list(&ListParams::default()).await?;
    let controls =
        |node: &Node| node.labels().contains_key("node-role.kubernetes.io/control-plane");
    Ok(all.iter().filter(|node| !controls(node)).map(ResourceExt::name_any).collect())
}

/// Ready, and not about to go.
pub fn serves(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let ready = conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True");
    ready && pod.metadata.deletion_timestamp.is_none()
}

/// The node that a pod runs on.
pub fn node(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

/// The image that its container is of.
pub fn image(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.containers.first()?.image.as_deref()
}

/// Which pods are of a part, or of any.
pub(crate) fn of_cluster(part: Option<&str>) -> String {
    let part = part.map(|part| format!(",app.kubernetes.io/component={part}"));
    format!("spike.ist/cluster={NAME}{}", part.unwrap_or_default())
}
