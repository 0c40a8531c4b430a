//! Writes one object as it should be, whatever stands in its place.

use kube::{
    Api, ResourceExt,
    api::{DynamicObject, ListParams, Patch, PatchParams, PostParams},
    core::Status,
};
use serde_json::{Value, json};

use super::{Target, gone, just_all};
use crate::{
    build::{Kind, Object},
    error::Error,
    names::{MANAGER, Part, annotation, label},
    observe::text,
};

/// What the API server says of a manifest, or of what it would become.
const INVALID: u16 = 422;

impl Target<'_> {
    /// Server-side apply; a workload carries the version it was read at, so that an operator which
    /// no longer leads fails.
    pub(super) async fn write(&self, object: Object) -> Result<(), Error> {
        let workload = match object.kind {
            Kind::StatefulSet => self.live.stateful_set.as_ref(),
            Kind::Deployment if object.name == self.cluster.names.part(Part::Nexus) => {
                self.live.deployment.as_ref()
            }
            _ => None,
        };
        let version = workload.and_then(|live| text(live, &["metadata", "resourceVersion"]));
        self.put(object, version).await
    }

    /// Which of that name was looked at, if there was any.
    fn uid(&self, kind: Kind, name: &str) -> Option<&str> {
        let mut base = self.live.base.iter();
        let (_, live) = base.find(|(object, _)| object.kind == kind && object.name == name)?;
        text(live.as_ref()?, &["metadata", "uid"])
    }

    pub(super) async fn put(&self, object: Object, version: Option<&str>) -> Result<(), Error> {
        let what = format!("apply {object}");
        let Object { kind, name, mut manifest } = object;
        let metadata = manifest.get_mut("metadata").and_then(Value::as_object_mut);
        if let (Some(version), Some(metadata)) = (version, metadata) {
            metadata.insert("resourceVersion".to_owned(), json!(version));
        }
        let api = self.ctx.api(kind, &self.cluster.names.namespace);
        match apply(&api, &name, &manifest).await {
            Err(kube::Error::Api(why)) if why.code == INVALID && kind.is_replaceable() => {
                let Some(uid) = self.uid(kind, &name) else {
                    return Err(Error::kubernetes(what)(kube::Error::Api(why)));
                };
                replace(&api, &name, uid, &manifest, why, what).await
            }
            Ok(now) if now.annotations().contains_key(annotation::RETAINED) => {
                let mark = json!({"metadata": {"annotations": {annotation::RETAINED: null}}});
                let params = PatchParams::apply(MANAGER);
                let taken = api.patch(&name, &params, &Patch::Merge(mark)).await;
                gone(taken.map(drop), &what)
            }
            applied => applied.map(drop).map_err(Error::kubernetes(what)),
        }
    }

    /// A Job's template can't change: it is made once.
    pub(super) async fn create(&self, object: Object) -> Result<(), Error> {
        let (what, Object { kind, name, manifest }) = (object.to_string(), object);
        let api = self.ctx.api(kind, &self.cluster.names.namespace);
        let object: DynamicObject = serde_json::from_value(manifest).expect("an object");
        let made = api.create(&PostParams::default(), &object).await;
        if matches!(&made, Err(kube::Error::Api(why)) if why.code == 409) {
            let named = ListParams::default().fields(&format!("metadata.name={name}"));
            let there = api.list(&named).await;
            let there = there.map_err(Error::kubernetes(format!("look for {what}")))?;
            if there.iter().any(|there| !self.comes_to_be_seen(there)) {
                return Err(Error::Foreign(what));
            }
        }
        made.map(drop).map_err(Error::kubernetes(format!("create {what}")))
    }

    /// The next look will count it among our Jobs. One that this look had before it, and did not take for
    /// what was to be made, is another's with our labels.
    fn comes_to_be_seen(&self, there: &DynamicObject) -> bool {
        let uid = there.metadata.uid.as_deref();
        let is_it = |job: &Value| text(job, &["metadata", "uid"]) == uid;
        let ours = there.labels().get(label::CLUSTER) == Some(&self.cluster.names.cluster);
        ours && !self.live.jobs.iter().any(is_it)
    }
}

async fn apply(
    api: &Api<DynamicObject>,
    name: &str,
    manifest: &Value,
) -> Result<DynamicObject, kube::Error> {
    let params = PatchParams::apply(MANAGER);
    let forced = params.clone().force();
    match api.patch(name, &forced, &Patch::Apply(manifest)).await {
        // What somebody added stands beside what is ours, and both can't be: lists are taken back as
        // a whole.
        Err(kube::Error::Api(why)) if why.code == INVALID => {
            match api.patch(name, &params, &Patch::Merge(manifest)).await {
                Ok(_) => api.patch(name, &forced, &Patch::Apply(manifest)).await,
                Err(_) => Err(kube::Error::Api(why)),
            }
        }
        applied => applied,
    }
}

/// What can't become what it should be is made anew: nothing is lost with it. It stays where the API
/// server would not take the new one either, for then nothing at all would be there.
async fn replace(
    api: &Api<DynamicObject>,
    name: &str,
    uid: &str,
    manifest: &Value,
    why: Box<Status>,
    what: String,
) -> Result<(), Error> {
    if !is_valid(api, manifest).await {
        return Err(Error::kubernetes(what)(kube::Error::Api(why)));
    }
    // A policy that refused it may have gone since: then nothing needs to go.
    match apply(api, name, manifest).await {
        Err(kube::Error::Api(again)) if again.code == INVALID => {}
        applied => return applied.map(drop).map_err(Error::kubernetes(what)),
    }
    tracing::warn!(object = what, %why, "is deleted, to be made anew");
    let deleted = api.delete(name, &just_all(Some(uid))).await;
    gone(deleted.map(drop), &what)
}

/// The API server would take it, were nothing in its place.
async fn is_valid(api: &Api<DynamicObject>, manifest: &Value) -> bool {
    let object: DynamicObject = serde_json::from_value(manifest.clone()).expect("an object");
    let params = PostParams { dry_run: true, field_manager: Some(MANAGER.to_owned()) };
    match api.create(&params, &object).await {
        // Whether its name is free is asked last of all.
        Err(kube::Error::Api(why)) => why.code == 409,
        made => made.is_ok(),
    }
}
