//! Volumes that are there already: folders of the nodes, for the first claims that come. Nothing
//! provisions more, and a claim that goes takes its volume with it.

use std::{fs, path::Path};

use serde_json::{Value, json};

/// How many each node has: a test's cluster claims one.
const PER_NODE: u8 = 8;

const CLASS: &str = "local";

/// Makes a node's folders; their volumes.
pub(crate) fn of_node(node: &str, folder: &Path) -> anyhow::Result<Vec<Value>> {
    let volumes = (0..PER_NODE).map(|number| {
        let path = folder.join("volumes").join(number.to_string());
        fs::create_dir_all(&path)?;
        Ok(json!({
            "apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": { "name": format!("{node}-{number}") },
            "spec": {
                "storageClassName": CLASS,
                "capacity": { "storage": "100Gi" },
                "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "local": { "path": path },
                "nodeAffinity": { "required": { "nodeSelectorTerms": [{ "matchExpressions": [
                    { "key": "kubernetes.io/hostname", "operator": "In", "values": [node] },
                ]}]}},
            },
        }))
    });
    volumes.collect()
}

/// The class that claims get which name none.
pub(crate) fn class() -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {
            "name": CLASS,
            "annotations": { "storageclass.kubernetes.io/is-default-class": "true" },
        },
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    })
}
