//! One reconcile: look, decide, do one step, say what was seen.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kube::{
    Api, Resource,
    api::{ObjectMeta, Patch, PatchParams},
    core::DeserializeGuard,
    runtime::{
        controller::Action,
        events::{Event, EventType},
    },
};
use serde_json::json;
use spike_crds::{SpikeCluster, cluster::SpikeClusterStatus};
use tokio::time::Instant;

use crate::{
    apply::{self, Target},
    build,
    context::Context,
    dereference::dereference,
    error::{Class, Error, pause},
    names::{FINALIZER, Names},
    observe::observe,
    plan::{Hold, Step, Wait, plan},
    status,
    validate::validate,
};

/// After a step, the world is looked at again at once.
const AT_ONCE: Duration = Duration::from_millis(100);

/// How often a world is looked at in which something is waited for: Nexus tells nobody by itself.
const SOON: Duration = Duration::from_secs(3);

/// How often one is looked at in which all is well: what changes in Kubernetes is told at once.
const LATER: Duration = Duration::from_secs(30);

/// Drives one `SpikeCluster` towards its spec, then reports what it saw.
///
/// A spec that can't work is its author's to change: it ends in status, not in a retry loop.
pub(crate) async fn reconcile(
    guarded: Arc<DeserializeGuard<SpikeCluster>>,
    ctx: Arc<Context>,
) -> Result<Action, Error> {
    let since = Instant::now();
    let cluster = guarded.0.as_ref().map_err(|why| Error::Unreadable(why.error.clone()));
    let done = match cluster {
        Ok(cluster) => Box::pin(one(cluster, &ctx)).await,
        Err(why) => Err(why),
    };
    let outcome = done.as_ref().map_or_else(Error::label, |_| "ok");
    ctx.metrics.reconciled(outcome, since.elapsed());
    done
}

/// How long to wait after an error.
#[expect(clippy::needless_pass_by_value, reason = "the controller wants it so")]
pub(crate) fn failed(
    guarded: Arc<DeserializeGuard<SpikeCluster>>,
    error: &Error,
    ctx: Arc<Context>,
) -> Action {
    let names = names(guarded.meta());
    tracing::warn!(cluster = names.instance(), %error, "not reconciled");
    if error.class() == Class::Invalid {
        return Action::await_change();
    }
    Action::requeue(pause(ctx.failed(names), jitter()))
}

/// Between 0 and 1, from the clock's last digits: it spreads load, and decides nothing.
fn jitter() -> f64 {
    f64::from(Timestamp::now().subsec_nanosecond().unsigned_abs() % 1000) / 1000.0
}

fn names(metadata: &ObjectMeta) -> Names {
    Names {
        namespace: metadata.namespace.clone().unwrap_or_default(),
        cluster: metadata.name.clone().unwrap_or_default(),
    }
}

#[tracing::instrument(skip_all, fields(cluster = spec.metadata.name))]
async fn one(spec: &SpikeCluster, ctx: &Context) -> Result<Action, Error> {
    let deleting = spec.metadata.deletion_timestamp.is_some();
    let held = spec.metadata.finalizers.iter().flatten().any(|name| name == FINALIZER);
    match (deleting, held) {
        (true, false) => return Ok(Action::await_change()),
        (false, false) => apply::hold(ctx, spec).await?,
        (_, true) => {}
    }
    let now = Timestamp::now();
    let cluster = match validate(spec, &ctx.defaults) {
        Ok(cluster) => cluster,
        Err(invalid) => {
            if deleting {
                let names = names(&spec.metadata);
                apply::release(ctx, &names.namespace, &names.cluster).await?;
                return Ok(Action::await_change());
            }
            let status = status::invalid(spec, &invalid, now);
            report(spec, status, ctx).await?;
            return Ok(Action::await_change());
        }
    };
    let live = dereference(spec, &cluster, ctx).await?;
    let seen = observe(&cluster, &live, now);
    let step = plan(&build::wish(&cluster), &seen);
    tracing::debug!(?step, "planned");
    let target = Target { cluster: &cluster, live: &live, ctx };
    let applied = target.apply(&step).await;
    if let Some(name) = acts(&step) {
        ctx.metrics.stepped(name);
        tracing::info!(step = name, ok = applied.is_ok(), "{step:?}");
        if applied.is_ok() {
            tell(spec, name, &step, ctx).await;
        }
    }
    if step == Step::Release {
        return applied.map(|()| Action::await_change());
    }
    ctx.note_rolling(&cluster.names, status::rolls(&cluster, &seen));
    let status = status::build(&status::Seen {
        spec,
        cluster: &cluster,
        live: &live,
        observed: &seen,
        step: &step,
        now,
    });
    report(spec, status, ctx).await?;
    applied?;
    ctx.succeeded(&cluster.names);
    Ok(Action::requeue(next(&step)))
}

/// When to look again.
fn next(step: &Step) -> Duration {
    match step {
        Step::Idle | Step::Paused | Step::Wait(Wait::Confirmation) => LATER,
        Step::Wait(_) | Step::Stall(_) => SOON,
        _ => AT_ONCE,
    }
}

/// The name of a step that writes.
fn acts(step: &Step) -> Option<&'static str> {
    Some(match step {
        Step::Idle | Step::Paused | Step::Wait(_) | Step::Stall(_) => return None,
        Step::Retain => "Retain",
        Step::Delete(_) => "Delete",
        Step::Release => "Release",
        Step::ApplyBase => "ApplyBase",
        Step::ApplyKeepers { template: Hold::Present, .. } => "ApplyKeepers",
        Step::ApplyKeepers { template: Hold::Wished, .. } => "ApplyKeeperTemplate",
        Step::ForgetKeeper { .. } => "ForgetKeeper",
        Step::EvictKeeper { .. } => "EvictKeeper",
        Step::RollBackKeepers => "RollBackKeepers",
        Step::RecordGood => "RecordGood",
        Step::Migrate => "Migrate",
        Step::ApplyNexus { .. } => "ApplyNexus",
        Step::Bootstrap { .. } => "Bootstrap",
        Step::Reshare => "Reshare",
    })
}

/// Tells people. An event that can't be written is no reason to stop.
async fn tell(spec: &SpikeCluster, name: &str, step: &Step, ctx: &Context) {
    let warns = matches!(step, Step::RollBackKeepers | Step::ForgetKeeper { .. });
    let event = Event {
        type_: if warns { EventType::Warning } else { EventType::Normal },
        reason: name.to_owned(),
        note: Some(status::sentence(step)),
        action: name.to_owned(),
        secondary: None,
    };
    if let Err(why) = ctx.recorder.publish(&event, &spec.object_ref(&())).await {
        tracing::debug!(error = %why, "an event was not written");
    }
}

/// One patch, and only if something is different.
async fn report(
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
    let status = status::patch(spec.status.as_ref(), &status);
    let patch = Patch::Merge(json!({"status": status}));
    match api.patch_status(name, &PatchParams::default(), &patch).await {
        // It went, or somebody was faster: the next look tells.
        Err(kube::Error::Api(why)) if why.code == 404 || why.code == 409 => Ok(()),
        done => done.map(drop).map_err(Error::kubernetes("patch the status")),
    }
}
