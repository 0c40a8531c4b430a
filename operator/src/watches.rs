//! Everything that makes a cluster be looked at: its own object, and what was made of it.
//!
//! Of `SpikeCluster`s everything is kept but who wrote which field, which is most of what a thousand of
//! them weigh; of all other objects only metadata is asked for, and nothing is kept. A watch that fails is
//! begun again by itself, and holds up no other.

use std::{fmt::Debug, sync::Arc};

use futures::{Stream, StreamExt};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    batch::v1::Job,
    core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
    rbac::v1::{ClusterRoleBinding, RoleBinding},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{DeserializeGuard, PartialObjectMeta},
    runtime::{
        Controller, WatchStreamExt,
        reflector::{self, ObjectRef, Store},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use spike_crds::SpikeCluster;

use crate::{
    looks::Looks,
    names::{MANAGER, Names, label},
};

/// Seconds after which a watch begins again where it was. The connection of one may be dead without a
/// word, and it is silent until then: the default are five minutes.
const WATCH: u32 = 60;

/// Objects that are read at once when a watch begins: a thousand clusters have thousands of each kind, and
/// all kinds are read at the same time.
const PAGE: u32 = 100;

/// A `SpikeCluster` that may be one that this operator doesn't understand.
pub(crate) type Guarded = DeserializeGuard<SpikeCluster>;

/// Leads from every change to its clusters. The client sends nothing again: watches do so by themselves.
pub(crate) fn controller(client: &Client, looks: &Arc<Looks>) -> Controller<Guarded> {
    let (known, writer) = reflector::store();
    let clusters: Api<Guarded> = Api::all(client.clone());
    let clusters = watcher(clusters, pace())
        .default_backoff()
        .modify(|cluster| cluster.meta_mut().managed_fields = None)
        .reflect(writer)
        .applied_objects();
    let controller = Controller::for_stream(told(clusters), known);
    let controller = watch::<StatefulSet>(controller, client, looks);
    let controller = watch::<Deployment>(controller, client, looks);
    let controller = watch::<Job>(controller, client, looks);
    let controller = watch::<Pod>(controller, client, looks);
    let controller = watch::<Service>(controller, client, looks);
    let controller = watch::<ServiceAccount>(controller, client, looks);
    let controller = watch::<ConfigMap>(controller, client, looks);
    let controller = watch::<NetworkPolicy>(controller, client, looks);
    let controller = watch::<PodDisruptionBudget>(controller, client, looks);
    let controller = watch::<PersistentVolumeClaim>(controller, client, looks);
    let controller = watch::<RoleBinding>(controller, client, looks);
    watch::<ClusterRoleBinding>(controller, client, looks)
}

fn pace() -> watcher::Config {
    watcher::Config::default().timeout(WATCH).page_size(PAGE)
}

/// What a watch says, without its failures: they are told here, and it goes on by itself.
fn told<K: Send + 'static>(
    stream: impl Stream<Item = watcher::Result<K>> + Send + 'static,
) -> impl Stream<Item = watcher::Result<K>> + Send {
    stream.filter_map(async |event| match event {
        Ok(object) => Some(Ok(object)),
        Err(why) => {
            tracing::warn!(error = %why, "a watch failed, and is begun again");
            None
        }
    })
}

/// Objects of ours lead to their cluster by their labels: they have no owner.
fn watch<K>(
    controller: Controller<Guarded>,
    client: &Client,
    looks: &Arc<Looks>,
) -> Controller<Guarded>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let ours = format!("{}={MANAGER}", label::MANAGED_BY);
    let api: Api<PartialObjectMeta<K>> = Api::all(client.clone());
    let (looks, known) = (Arc::clone(looks), controller.store());
    let objects = watcher(api, pace().labels(&ours)).default_backoff().touched_objects();
    controller.watches_stream(told(objects), move |object| {
        let owners = owners(&object, &known);
        for names in &owners {
            looks.changed(names);
        }
        owners.into_iter().map(|names| reference(&names))
    })
}

fn reference(names: &Names) -> ObjectRef<Guarded> {
    ObjectRef::new(&names.cluster).within(&names.namespace)
}

/// The one that the labels name. If somebody changed them, any cluster of the namespace may be meant.
fn owners<K: Resource<DynamicType = ()>>(
    object: &PartialObjectMeta<K>,
    known: &Store<Guarded>,
) -> Vec<Names> {
    let of = |key| object.labels().get(key).cloned().unwrap_or_default();
    let named = Names { namespace: of(label::NAMESPACE), cluster: of(label::CLUSTER) };
    if known.get(&reference(&named)).is_some() {
        return vec![named];
    }
    let here = |cluster: &Arc<Guarded>| {
        let (namespace, cluster) = (cluster.namespace()?, cluster.name_any());
        (object.namespace()? == namespace).then_some(Names { namespace, cluster })
    };
    known.state().iter().filter_map(here).collect()
}
