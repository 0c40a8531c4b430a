//! One object, as its manifest.

use std::fmt;

use serde_json::{Map, Value, json};

use super::Kind;
use crate::{
    cluster::Cluster,
    hash::Digest,
    names::{Names, annotation},
};

/// One object, as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// What it is called.
    pub name: String,
    /// Its manifest.
    pub manifest: Value,
}

impl Object {
    /// An object of a cluster: named, labelled, and marked as ours.
    ///
    /// `body` is everything but `apiVersion`, `kind` and `metadata`.
    pub(super) fn new(
        cluster: &Cluster,
        kind: Kind,
        name: String,
        component: &str,
        body: Value,
    ) -> Self {
        let Names { namespace, .. } = &cluster.names;
        let mut metadata = json!({
            "name": name,
            "labels": cluster.names.labels(component),
            "annotations": {annotation::OWNER_UID: cluster.uid},
        });
        if kind.is_namespaced() {
            merge(&mut metadata, json!({"namespace": namespace}));
        }
        let mut manifest = json!({
            "apiVersion": kind.api_version(),
            "kind": kind.name(),
            "metadata": metadata,
        });
        merge(&mut manifest, body);
        Self { kind, name, manifest }
    }

    /// More annotations.
    #[must_use]
    pub(super) fn annotated<K: Into<String>, V: Into<Value>>(
        mut self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let pairs = pairs.into_iter().map(|(key, value)| (key.into(), value.into()));
        let annotations = Value::Object(pairs.collect::<Map<_, _>>());
        merge(&mut self.manifest, json!({"metadata": {"annotations": annotations}}));
        self
    }

    /// An annotation's value.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.manifest.pointer("/metadata/annotations")?.get(key)?.as_str()
    }

    /// Marked with the digest of all of it.
    #[must_use]
    pub fn sealed(self) -> Self {
        let digest = Digest::of(&self.manifest);
        self.annotated([(annotation::APPLIED, digest.as_str())])
    }
}

/// `Kind/name`, for messages.
impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.name(), self.name)
    }
}

/// Adds to a manifest: maps are merged, everything else is replaced.
pub(super) fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}

/// A JSON object without the fields that are null: what isn't said is the API server's choice.
pub(super) fn said(mut value: Value) -> Value {
    if let Value::Object(map) = &mut value {
        map.retain(|_, value| !value.is_null());
    }
    value
}
