//! What people are told of a reconcile: its status, events and the log.

use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
    runtime::events::{Event, EventType},
};
use serde_json::json;
use spike_crds::{SpikeCluster, cluster::SpikeClusterStatus};
use tokio::time::Instant;

use super::{Decided, names};
use crate::{
    context::Context,
    error::Error,
    names::Names,
    plan::Step,
    status::{self, Deed},
};

/// Of an event's note the API server takes one kilobyte.
const NOTE: usize = 1024;

/// Tells people of a step that was done. An event that can't be written is no reason to stop.
pub(super) async fn tell(spec: &SpikeCluster, decided: &Decided, ctx: &Context) {
    let Decided { live, observed, wish, step } = decided;
    let names = names(&spec.metadata);
    let told = step.writes().zip(status::deed(&names, live, observed, wish, step));
    let Some((name, Deed { note, action, about })) = told else { return };
    let Names { namespace, cluster } = &names;
    if ctx.told.is_news(&names, name, &note, Instant::now()) {
        tracing::info!(namespace, name = cluster, step = name, "{note}");
    } else {
        tracing::debug!(namespace, name = cluster, step = name, "{note}");
    }
    let warns = matches!(step, Step::RollBackKeepers | Step::ForgetKeeper { .. });
    let type_ = if warns { EventType::Warning } else { EventType::Normal };
    let mut done = event(type_, name, &action, &note);
    done.secondary = about.map(|(kind, name)| ObjectReference {
        api_version: Some(kind.api_version()),
        kind: Some(kind.name().to_owned()),
        namespace: kind.is_namespaced().then(|| namespace.clone()),
        name: Some(name),
        ..ObjectReference::default()
    });
    publish(ctx, &done, &spec.object_ref(&())).await;
    if let Some(note) = status::scaled_by_hand(observed, step) {
        let scaled = event(EventType::Warning, status::KEEPERS_SCALED, name, &note);
        publish(ctx, &scaled, &spec.object_ref(&())).await;
    }
}

/// An event whose note is cut to what the API server takes.
pub(super) fn event(type_: EventType, reason: &str, action: &str, note: &str) -> Event {
    Event {
        type_,
        reason: reason.to_owned(),
        note: Some(note[..note.floor_char_boundary(NOTE)].to_owned()),
        action: action.to_owned(),
        secondary: None,
    }
}

pub(super) async fn publish(ctx: &Context, event: &Event, about: &ObjectReference) {
    if let Err(why) = ctx.recorder.publish(event, about).await {
        tracing::debug!(error = %why, "an event was not written");
    }
}

/// One patch, and only if something is different.
pub(super) async fn report(
    spec: &SpikeCluster,
    status: SpikeClusterStatus,
    ctx: &Context,
) -> Result<(), Error> {
    if spec.status.as_ref() == Some(&status) {
        return Ok(());
    }
    let namespace = spec.metadata.namespace.as_deref().unwrap_or_default();
    let name = spec.metadata.name.as_deref().unwrap_or_default();
    let api: Api<SpikeCluster> = Api::namespaced(ctx.client.clone(), namespace);
    let fields = status::patch(spec.status.as_ref(), &status);
    // Of the very object that was looked at: who slept meanwhile says nothing any more.
    let version = &spec.metadata.resource_version;
    let patch = Patch::Merge(json!({
        "metadata": {"resourceVersion": version},
        "status": fields,
    }));
    match api.patch_status(name, &PatchParams::default(), &patch).await {
        // It went, or somebody was faster: the next look tells.
        Err(kube::Error::Api(why)) if why.code == 404 || why.code == 409 => Ok(()),
        done => {
            done.map_err(Error::kubernetes("patch the status"))?;
            if let Some(stalled) = status::newly_stalled(spec.status.as_ref(), &status) {
                warn(spec, stalled, ctx).await;
            }
            Ok(())
        }
    }
}

/// Tells of what people must mend, in the log and as an event.
async fn warn(spec: &SpikeCluster, stalled: &Condition, ctx: &Context) {
    let Condition { reason, message, .. } = stalled;
    let Names { namespace, cluster } = &names(&spec.metadata);
    tracing::warn!(namespace, name = cluster, reason, "stalled: {message}");
    let event = event(EventType::Warning, reason, "Stall", message);
    publish(ctx, &event, &spec.object_ref(&())).await;
}
