//! What should be there and isn't: kinds that nobody installed, and what pods can't mount.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::{Api, api::ListParams};
use serde_json::Value;

use crate::{
    build::{Kind, Object},
    context::Context,
    error::Error,
    observe::PodLook,
};

/// Kinds that others install.
const OTHERS: [Kind; 3] = [Kind::ClusterSpiffeId, Kind::PodMonitor, Kind::PrometheusRule];

/// How long a container may be made before somebody asks why: seconds are usual.
const SLOW: Duration = Duration::from_secs(10);

/// Kinds of objects that aren't there because their kind isn't.
pub(super) async fn kinds(
    ctx: &Context,
    base: &[(Object, Option<Value>)],
) -> Result<BTreeSet<Kind>, Error> {
    let wanting =
        |(object, live): &&(Object, Option<Value>)| live.is_none() && OTHERS.contains(&object.kind);
    let wanting: BTreeSet<_> = base.iter().filter(wanting).map(|(object, _)| object.kind).collect();
    let mut unserved = BTreeSet::new();
    for kind in wanting {
        let resource = kind.resource();
        let served = ctx.client.list_api_group_resources(&resource.api_version).await;
        let there = match served {
            Ok(list) => list.resources.iter().any(|served| served.name == resource.plural),
            Err(kube::Error::Api(status)) if status.code == 404 => false,
            Err(why) => return Err(Error::kubernetes("list the kinds of others")(why)),
        };
        if !there {
            unserved.insert(kind);
        }
    }
    Ok(unserved)
}

/// Nobody is given an identity by a kind that isn't there.
pub(super) fn identity(unserved: &BTreeSet<Kind>) -> Option<String> {
    unserved.contains(&Kind::ClusterSpiffeId).then(|| {
        "the kind ClusterSPIFFEID is not installed: install SPIRE's controller manager, or set \
         spec.identity.spire.clusterSPIFFEIDs to None and register the pods yourself"
            .to_owned()
    })
}

/// Why the container of one of these pods isn't made, if that takes long: what a pod mounts and isn't
/// there is told in events only.
pub(super) async fn mounts<'a>(
    ctx: &Context,
    namespace: &str,
    pods: impl Iterator<Item = &'a PodLook>,
) -> Result<Option<String>, Error> {
    let begun = Timestamp::now().checked_sub(SLOW).unwrap_or(Timestamp::MIN);
    let mut slow = pods.filter(|pod| pod.prepares && pod.created.is_some_and(|at| at < begun));
    let Some(pod) = slow.next() else { return Ok(None) };
    let api: Api<Event> = Api::namespaced(ctx.client.clone(), namespace);
    let about = format!("involvedObject.uid={},reason=FailedMount", pod.uid);
    let events = api.list(&ListParams::default().fields(&about)).await;
    let events = events.map_err(Error::kubernetes("list the events of a pod"))?.items;
    let at = |event: &Event| event.last_timestamp.as_ref().map(|time| time.0);
    let newest = events.into_iter().max_by_key(at);
    Ok(newest.and_then(|event| event.message).map(|message| format!("{}: {message}", pod.name)))
}
