//! What a cluster's objects should be. Pure: the same cluster is the same objects, to the byte.
//!
//! Every object is written as its manifest, and golden files show them all. Objects that a key needs
//! to survive have no owner reference: a prune, or the CRD's removal, would collect every shard.
//! Whose they are is in labels and in an annotation.

mod accounts;
mod authority;
mod config;
mod disruption;
mod escrow;
mod jobs;
mod keeper;
mod kind;
mod monitoring;
mod network;
mod nexus;
mod object;
mod pod;
mod scaling;
mod services;
mod spire;
#[cfg(test)]
mod tests;
mod volumes;

use std::collections::BTreeSet;

use serde_json::Value;
use spike_crds::cluster::{Autoscaling, Monitoring};

pub use kind::Kind;
pub use object::Object;

use crate::{
    cluster::{Cluster, Identity, Store},
    hash::Digest,
    plan::{StoreWork, Wish},
};

/// What is known of a cluster besides its spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The cluster id of its key ring, once one was seen.
    pub cluster_id: Option<String>,
}

/// What the operator is, where its objects must say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The operator's namespace.
    pub namespace: String,
    /// The operator's `ServiceAccount`.
    pub account: String,
    /// The operator's own image, which runs the authority.
    pub image: String,
}

/// Everything that neither holds a key nor serves.
pub fn base(cluster: &Cluster, known: &Known, site: &Site) -> Vec<Object> {
    let mut objects = vec![config::map(cluster, known)];
    objects.extend(accounts::all(cluster));
    objects.extend(services::all(cluster));
    objects.extend(disruption::all(cluster));
    objects.extend(network::all(cluster, site));
    objects.extend(nexus::volume(cluster));
    objects.extend(scaling::autoscaler(cluster));
    objects.extend(monitoring::all(cluster));
    match &cluster.identity {
        Identity::Builtin => objects.extend(authority::all(cluster, site)),
        Identity::Spire { .. } => objects.extend(spire::all(cluster)),
    }
    objects
}

/// What other specs of the same cluster would have made besides: it goes when nobody wants it any more.
///
/// Neither volumes nor identities are among it: taking those away is for people.
pub fn spare(cluster: &Cluster, site: &Site) -> Vec<(Kind, String)> {
    let named = |objects: Vec<Object>| -> BTreeSet<_> {
        objects.into_iter().map(|object| (object.kind, object.name)).collect()
    };
    let known = Known::default();
    let wanted = named(base(cluster, &known, site));
    named(most(cluster, &known, site)).difference(&wanted).cloned().collect()
}

/// The same, if everything were asked for that may be: all that is looked for at the end.
pub fn most(cluster: &Cluster, known: &Known, site: &Site) -> Vec<Object> {
    let mut all = cluster.clone();
    all.network.get_or_insert_default();
    all.monitoring = Monitoring { pod_monitor: true, rules: true, dashboards: true };
    let most = i32::from(all.nexus.replicas);
    let scaling = Autoscaling { max_replicas: most, target_cpu_percent: 100 };
    all.nexus.autoscaling.get_or_insert(scaling);
    base(&all, known, site)
}

/// What the plan needs to know of the spec.
pub fn wish(cluster: &Cluster) -> Wish {
    let store = match &cluster.store {
        Store::Postgres(postgres) => StoreWork::Jobs { migrate: postgres.migrate },
        Store::Sqlite { .. } => StoreWork::Nexus,
        Store::Memory => StoreWork::Nothing,
    };
    Wish {
        paused: cluster.paused,
        shares: cluster.keepers(),
        threshold: cluster.threshold,
        generation: cluster.generation,
        bootstrap: cluster.bootstrap,
        store,
        replicas: cluster.nexus.autoscaling.is_none().then_some(cluster.nexus.replicas),
        keeper_template: digest(&keeper_template(cluster)),
        nexus_template: digest(&nexus_template(cluster, 0)),
        evicts: cluster.evicts,
        version: cluster.image.version(),
    }
}

/// The digest of a template, as its pods carry it: of everything but the digest itself.
pub fn digest(template: &Value) -> Digest {
    let mut bare = template.clone();
    if let Some(Value::Object(annotations)) = bare.pointer_mut("/metadata/annotations") {
        annotations.remove(crate::names::annotation::TEMPLATE);
    }
    Digest::of(&bare)
}

pub use escrow::map as escrow_map;
pub use jobs::{bootstrap as bootstrap_job, schema as schema_job, schema_version};
pub use keeper::{Memory, stateful_set, template as keeper_template};
pub use nexus::{deployment, template as nexus_template};
pub use scaling::handover;
