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

/// Nobody is given an identity by a kind that isn't there, nor by objects that nobody reads.
pub(super) fn identity(
    unserved: &BTreeSet<Kind>,
    base: &[(Object, Option<Value>)],
) -> Option<String> {
    if unserved.contains(&Kind::ClusterSpiffeId) {
        let none = "the kind ClusterSPIFFEID is not installed: install SPIRE's controller manager, \
                    or set spec.identity.spire.clusterSPIFFEIDs to None and register the pods \
                    yourself";
        return Some(none.to_owned());
    }
    let ours = base.iter().filter(|(object, _)| object.kind == Kind::ClusterSpiffeId);
    let mut there = ours.filter_map(|(object, live)| Some((&object.name, live.as_ref()?)));
    there.find_map(|(name, live)| unread(name, live))
}

/// Why a `ClusterSPIFFEID` gives nobody an identity. Its status is what the controller manager made of
/// it, and absent until one did.
fn unread(name: &str, live: &Value) -> Option<String> {
    let count = |what: &str| live.pointer(&format!("/status/stats/{what}")).and_then(Value::as_u64);
    if live.pointer("/status/stats").is_none() {
        let class = live.pointer("/spec/className").and_then(Value::as_str);
        let class = class.map_or("no class".to_owned(), |class| format!("class {class}"));
        return Some(format!(
            "no SPIRE controller manager has taken up ClusterSPIFFEID {name}, of {class}: see that \
             one runs, and make spec.identity.spire.className its class",
        ));
    }
    let failed = count("podEntryRenderFailures")? + count("entryFailures")?;
    (failed > 0).then(|| {
        format!(
            "SPIRE takes {failed} of the entries of ClusterSPIFFEID {name} not, and the log of its \
             controller manager says why: spec.trustDomain must be SPIRE's",
        )
    })
}

/// Why a volume isn't made: its claim names no class, as the spec doesn't, and there is no default one.
pub(super) fn volume(base: &[(Object, Option<Value>)]) -> Option<String> {
    let classless = |claim: &Value| {
        let text = |at| claim.pointer(at).and_then(Value::as_str).unwrap_or_default();
        text("/status/phase") == "Pending"
            && text("/spec/storageClassName").is_empty()
            && text("/spec/volumeName").is_empty()
    };
    let mut claims = base.iter().filter(|(object, _)| object.kind == Kind::PersistentVolumeClaim);
    let (claim, _) = claims.find(|(_, live)| live.as_ref().is_some_and(classless))?;
    Some(format!(
        "{claim} has no StorageClass, and there is no default one: set \
         spec.store.sqlite.storage.className, or make a StorageClass the default"
    ))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(stats: &Value) -> Value {
        json!({ "spec": { "className": "blue" }, "status": { "stats": stats } })
    }

    #[test]
    fn an_object_that_no_controller_manager_took_up_is_told_with_its_class() {
        let why = unread("spike-1-nexus", &json!({ "spec": { "className": "blue" } }));
        let why = why.expect("nobody reads it");
        assert!(why.contains("ClusterSPIFFEID spike-1-nexus, of class blue"), "{why}");
        let why = unread("spike-1-nexus", &json!({ "spec": {}, "status": {} }));
        assert!(why.is_some_and(|why| why.contains("of no class")));
    }

    #[test]
    fn a_claim_that_nobody_will_give_a_volume_is_told_with_what_helps() {
        let claim = |live: Value| {
            let kind = Kind::PersistentVolumeClaim;
            let claim =
                Object { kind, name: "spike-demo-nexus-data".to_owned(), manifest: json!({}) };
            volume(&[(claim, Some(live))])
        };
        let why = claim(json!({ "spec": {}, "status": { "phase": "Pending" } })).expect("told");
        assert!(why.starts_with("PersistentVolumeClaim/spike-demo-nexus-data has no"), "{why}");
        assert!(why.contains("set spec.store.sqlite.storage.className, or"), "{why}");
        let waits =
            json!({ "spec": { "storageClassName": "a" }, "status": { "phase": "Pending" } });
        assert_eq!(claim(waits), None, "its class may wait for the pod to have a node");
        assert_eq!(claim(json!({ "spec": {}, "status": { "phase": "Bound" } })), None);
        assert_eq!(volume(&[]), None);
    }

    #[test]
    fn entries_that_spire_refuses_are_counted() {
        let taken = json!({ "podEntryRenderFailures": 0, "entryFailures": 0, "podsSelected": 3 });
        assert_eq!(unread("spike-1-nexus", &with(&taken)), None);
        let refused = json!({ "podEntryRenderFailures": 2, "entryFailures": 1 });
        let why = unread("spike-1-nexus", &with(&refused)).expect("refused");
        assert!(why.contains("3 of the entries") && why.contains("spec.trustDomain"), "{why}");
    }
}
