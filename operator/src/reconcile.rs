//! One reconcile: look, decide, do one step, say what was seen.

mod report;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kube::{
    Api, Resource,
    api::{ApiResource, DynamicObject, ObjectMeta, Patch, PatchParams},
    core::{DeserializeGuard, error_boundary::InvalidObject},
    runtime::{controller::Action, events::EventType},
};
use serde_json::{Value, json};
use spike_crds::{SpikeCluster, cluster::SpikeClusterStatus};
use tokio::time::{Instant, timeout};

use self::report::{event, publish, report, tell};
use crate::{
    apply::{self, Target},
    build,
    cluster::Cluster,
    contested::Held,
    context::Context,
    dereference::{ask_again, asked, dereference},
    error::{Class, Error, pause},
    looks::{Look, believed_until},
    names::{FINALIZER, Names},
    observe::{Live, again, contest, observe},
    plan::{JobLook, Observed, Reach, Step, Wait, Wish, plan},
    status::{self, Failure, Seen},
    validate::{ending, validate},
};

/// After a step, the world is looked at again at once.
const AT_ONCE: Duration = Duration::from_millis(100);

/// How often a world is looked at in which something is waited for: Nexus tells nobody by itself.
const SOON: Duration = Duration::from_secs(3);

/// How often one is looked at in which all is well: what changes in Kubernetes is told at once.
const LATER: Duration = Duration::from_secs(30);

/// After so many failures in a row a cluster is behind the others.
const TRIES: u32 = 2;

/// What takes longer hangs, as on a connection that nobody answers any more, and begins anew.
const LONGEST: Duration = Duration::from_mins(1);

/// Drives one `SpikeCluster` towards its spec, then reports what it saw.
///
/// A spec that can't work is its author's to change: it ends in status, not in a retry loop.
pub(crate) async fn reconcile(
    guarded: Arc<DeserializeGuard<SpikeCluster>>,
    ctx: Arc<Context>,
) -> Result<Action, Error> {
    let turn = ctx.queue.turn(&names(guarded.meta()), is_asked(&guarded)).await;
    let Some(_turn) = turn else { return Ok(Action::await_change()) };
    let since = Instant::now();
    let work = async {
        if let Ok(spec) = &guarded.0
            && let Some(idle) = Box::pin(remembered(spec, &ctx)).await?
        {
            return Ok(idle);
        }
        Box::pin(fresh(guarded.meta(), &ctx)).await
    };
    let done = timeout(LONGEST, work).await.unwrap_or(Err(Error::Slow(LONGEST)));
    let outcome = done.as_ref().map_or_else(Error::label, |_| "ok");
    ctx.metrics.reconciled(outcome, since.elapsed());
    done
}

/// A look that is remembered can say that there is nothing to do; whatever else takes one of its own.
#[tracing::instrument(skip_all, fields(cluster = names(&spec.metadata).instance()))]
async fn remembered(spec: &SpikeCluster, ctx: &Context) -> Result<Option<Action>, Error> {
    let names = names(&spec.metadata);
    let Some(last) = ctx.looks.recall(&names, &asked(spec), Instant::now()) else {
        return Ok(None);
    };
    let Ok(cluster) = validate(spec, &ctx.defaults) else { return Ok(None) };
    if spec.metadata.deletion_timestamp.is_some() || !is_held(spec) {
        return Ok(None);
    }
    let now = Timestamp::now();
    let live = ask_again(spec, &cluster, &last, ctx).await;
    let observed = again(&cluster, &last.observed, &live, now);
    let decided = conclude(&cluster, live, observed, ctx);
    if decided.step.writes().is_some() {
        return Ok(None);
    }
    report(spec, decided.status(spec, &cluster, None, now), ctx).await?;
    ctx.succeeded(&names);
    Ok(Some(Action::requeue(next(&decided))))
}

/// People want something that its status doesn't speak of yet.
fn is_asked(DeserializeGuard(read): &DeserializeGuard<SpikeCluster>) -> bool {
    let told = |cluster: &SpikeCluster| cluster.status.as_ref()?.observed_generation;
    read.as_ref().is_ok_and(|cluster| cluster.metadata.generation != told(cluster))
}

/// A look at all of it begins with the object as it is, not as a watch told it: that may be late, and
/// another of its name may have come.
async fn fresh(metadata: &ObjectMeta, ctx: &Context) -> Result<Action, Error> {
    let names = names(metadata);
    let api: Api<DeserializeGuard<SpikeCluster>> =
        Api::namespaced(ctx.client.clone(), &names.namespace);
    let found = api.get_opt(&names.cluster).await.map_err(Error::kubernetes("get it"))?;
    match found {
        Some(DeserializeGuard(Ok(cluster))) => Box::pin(one(&cluster, ctx)).await,
        Some(DeserializeGuard(Err(why))) => Box::pin(unreadable(&why, ctx)).await,
        None => {
            ctx.forget(&names);
            Ok(Action::await_change())
        }
    }
}

/// How long to wait after an error.
#[expect(clippy::needless_pass_by_value, reason = "the controller wants it so")]
pub(crate) fn failed(
    guarded: Arc<DeserializeGuard<SpikeCluster>>,
    error: &Error,
    ctx: Arc<Context>,
) -> Action {
    let names = names(guarded.meta());
    let Names { namespace, cluster } = &names;
    tracing::warn!(namespace, name = cluster, %error, "not reconciled");
    if error.class() == Class::Invalid {
        return Action::await_change();
    }
    let failures = match error {
        // There is something new to look at, or nothing to do for a while.
        Error::Raced { .. } | Error::Contested { .. } => 0,
        _ => ctx.failed(&names),
    };
    // Who isn't at it doesn't hold up the others.
    if failures >= TRIES {
        ctx.turns.release(&names);
    }
    Action::requeue(error.retry_after() + pause(failures, jitter()))
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

fn is_held(spec: &SpikeCluster) -> bool {
    spec.metadata.finalizers.iter().flatten().any(|name| name == FINALIZER)
}

#[tracing::instrument(name = "reconcile", skip_all, fields(cluster = names(&spec.metadata).instance()))]
async fn one(spec: &SpikeCluster, ctx: &Context) -> Result<Action, Error> {
    let deleting = spec.metadata.deletion_timestamp.is_some();
    match (deleting, is_held(spec)) {
        (true, false) => return Ok(Action::await_change()),
        (false, false) => apply::hold(ctx, &spec.metadata).await?,
        (_, true) => {}
    }
    let now = Timestamp::now();
    let cluster = match validate(spec, &ctx.defaults) {
        Ok(cluster) => cluster,
        Err(_) if deleting => return Box::pin(end(&spec.metadata, &json!(spec), ctx)).await,
        Err(invalid) => {
            ctx.turns.release(&names(&spec.metadata));
            let status = status::invalid(spec, &invalid, now);
            report(spec, status, ctx).await?;
            return Ok(Action::await_change());
        }
    };
    let mark = ctx.looks.mark(&cluster.names);
    let live = match Box::pin(dereference(spec, &cluster, ctx)).await {
        Ok(live) => live,
        Err(why) => return Err(unseen(spec, why, now, ctx).await),
    };
    let observed = observe(&cluster, &live, now);
    let decided = conclude(&cluster, live, observed, ctx);
    let applied = act(spec, &cluster, &decided, ctx).await;
    if decided.step == Step::Release {
        applied?;
        ctx.forget(&cluster.names);
        return Ok(Action::await_change());
    }
    let failure = applied.as_ref().err().and_then(Failure::of);
    report(spec, decided.status(spec, &cluster, failure.as_ref(), now), ctx).await?;
    applied?;
    ctx.succeeded(&cluster.names);
    let pause = next(&decided);
    if decided.lasts() {
        let Decided { live, observed, .. } = decided;
        let look = Look { of: asked(spec), live: live.lasting(), observed };
        ctx.looks.keep(&cluster.names, mark, look, believed_until(Instant::now(), jitter()));
    }
    Ok(Action::requeue(pause))
}

/// One look that fails may be anything. If several do in a row, people are told that what the status says is
/// of before.
async fn unseen(spec: &SpikeCluster, why: Error, now: Timestamp, ctx: &Context) -> Error {
    if ctx.failures(&names(&spec.metadata)) >= TRIES
        && let Some(failure) = Failure::of(&why)
        && let Err(untold) = report(spec, status::unseen(spec, &failure, now), ctx).await
    {
        tracing::debug!(error = %untold, "nor can that be said in its status");
    }
    why
}

/// Does the step, and tells of it.
async fn act(
    spec: &SpikeCluster,
    cluster: &Cluster,
    decided: &Decided,
    ctx: &Context,
) -> Result<(), Error> {
    let Decided { live, step, .. } = decided;
    tracing::debug!(?step, "planned");
    if let Some(Held { times, rest }) = ctx.contested.held(&cluster.names, step, Instant::now()) {
        return Err(Error::Contested { what: contest(cluster, live, step), times, rest });
    }
    ctx.queue.after(&cluster.names, step.writes().is_some());
    let applied = Target { spec, cluster, live, ctx }.apply(step).await;
    if let Some(name) = step.writes() {
        ctx.looks.changed(&cluster.names);
        ctx.metrics.stepped(name);
        if applied.is_ok() {
            ctx.contested.done(&cluster.names, step, Instant::now(), jitter());
            tell(spec, decided, ctx).await;
        }
    }
    applied
}

/// What is done next, and why.
struct Decided {
    live: Live,
    observed: Observed,
    wish: Wish,
    step: Step,
}

impl Decided {
    fn status(
        &self,
        spec: &SpikeCluster,
        cluster: &Cluster,
        failure: Option<&Failure>,
        now: Timestamp,
    ) -> SpikeClusterStatus {
        let Self { live, observed, wish, step } = self;
        status::build(&Seen { spec, cluster, live, observed, wish, step, failure, now })
    }

    /// False where time alone changes what is to be seen: a pod that should be gone, one that doesn't
    /// start, a bootstrap that is tried again. What lasts is remembered until something is told.
    fn lasts(&self) -> bool {
        let Self { live, observed, step, .. } = self;
        let mut pods = live.keepers.iter().chain(&live.nexus).chain(&live.workers);
        step.writes().is_none()
            && live.ending.is_none()
            && observed.bootstrap != JobLook::Running
            && live.unserved.is_empty()
            && live.identity.is_none()
            && !pods.any(|pod| pod.due.is_some() || pod.prepares)
    }
}

fn conclude(cluster: &Cluster, live: Live, mut observed: Observed, ctx: &Context) -> Decided {
    let wish = build::wish(cluster);
    observed.turn = !status::rolls(&wish, &observed) || ctx.turns.take(&cluster.names);
    let step = plan(&wish, &observed);
    ctx.turns.after(&cluster.names, &step);
    Decided { live, observed, wish, step }
}

/// What ends needn't work. What has not even names that can was never made.
async fn end(metadata: &ObjectMeta, object: &Value, ctx: &Context) -> Result<Action, Error> {
    let bare = ending(metadata, object);
    if validate(&bare, &ctx.defaults).is_ok() {
        return one(&bare, ctx).await;
    }
    ctx.forget(&names(metadata));
    apply::release(ctx, metadata).await.map(|()| Action::await_change())
}

/// What can't be read is left as it is, and that is said, until it ends.
async fn unreadable(why: &InvalidObject, ctx: &Context) -> Result<Action, Error> {
    let names = names(&why.metadata);
    ctx.turns.release(&names);
    let resource = ApiResource::erase::<SpikeCluster>(&());
    let api: Api<DynamicObject> =
        Api::namespaced_with(ctx.client.clone(), &names.namespace, &resource);
    let live = api.get_opt(&names.cluster).await.map_err(Error::kubernetes("get it as it is"))?;
    let Some(live) = live else { return Ok(Action::await_change()) };
    if live.metadata.deletion_timestamp.is_some() {
        return Box::pin(end(&live.metadata, &live.data, ctx)).await;
    }
    if let Some(patch) = status::unreadable(&live, &why.error, Timestamp::now()) {
        let said = event(EventType::Warning, status::UNREADABLE, "Read", &why.error);
        publish(ctx, &said, &live.object_ref(&resource)).await;
        let patched =
            api.patch_status(&names.cluster, &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.map_err(Error::kubernetes("say that it can't be read"))?;
    }
    Err(Error::Unreadable(why.error.clone()))
}

/// When to look again.
fn next(Decided { live, observed, step, .. }: &Decided) -> Duration {
    let silent = live.nexus.iter().all(|pod| pod.address.is_none());
    match step {
        // Most likely it missed one answer, and nobody tells that it gave the next.
        Step::Idle if observed.store == Reach::Unreachable => SOON,
        Step::Idle | Step::Paused | Step::Wait(Wait::Confirmation) => LATER,
        // SPIRE takes up what it is to register within a second, and nobody tells that it did.
        Step::Wait(Wait::Identity(_)) => SOON,
        // There is no Nexus to ask; what changes in Kubernetes is told at once.
        Step::Wait(_) | Step::Stall(_) if silent && observed.bootstrap != JobLook::Running => LATER,
        Step::Wait(_) | Step::Stall(_) => SOON,
        _ => AT_ONCE,
    }
}
