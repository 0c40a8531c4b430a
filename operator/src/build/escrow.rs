//! The `ConfigMap` in which people find the recovery shards of a cluster with custodians.
//!
//! Each file is encrypted to one custodian, so it may lie where anybody reads it, and survives the
//! `SpikeCluster`: with the database it is what a lost cluster comes back from.

use serde_json::{Value, json};

use super::{Kind, Object};
use crate::{cluster::Cluster, names::annotation, observe::Escrowed};

/// The files, and which they are.
pub fn map(cluster: &Cluster, said: &Escrowed, files: &Value) -> Object {
    let said = serde_json::to_string(said).expect("our own type is JSON");
    let body = json!({"data": files});
    Object::new(cluster, Kind::ConfigMap, cluster.names.escrow(), "recovery", body)
        .annotated([(annotation::ESCROW, said)])
}
