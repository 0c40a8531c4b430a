//! `nexus serve`: from nothing to serving, and back without losing a request.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use axum::{Json, routing::get};
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use spike_audit::{Entry, Event};
use spike_core::{
    Role,
    wire::v2::{
        health::{Health, State},
        status::Status,
    },
};
use spike_runtime::{
    Limits, Server,
    metrics::Metrics as Finished,
    probes::{Probe, Probes},
    process,
    serve::{self as runtime, Rate},
};
use spike_store::{Call, CallerHash, Store, StoreError, TraceId};
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use zeroize::Zeroizing;

use crate::{
    api,
    app::App,
    boot::Boot,
    config::{self, Config, Mode},
    keys::Reason,
    metrics::{Metrics, StoreMetrics, register_keepers, register_pool},
    nexus::Nexus,
    pulse,
    start::{self, Parts},
    status::status,
    stores::{Measured, Place},
};

/// How often forgotten write keys are swept out.
const SWEEP: Duration = Duration::from_hours(1);

/// How often one identity may ask: more than a replica on two cores serves, so that it only keeps
/// one from taking all of a larger machine and of the audit.
const RATE: Rate = Rate { per_second: 20_000, burst: 20_000 };

/// How often a store that showed what must not be is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long one sweep may take.
const SWEEP_BUDGET: Duration = Duration::from_mins(1);

/// Between two tries to bootstrap.
const BOOTSTRAP_PAUSE: Duration = Duration::from_secs(2);

/// How long work that outlives its request may take at the end: the budget of a request, and a
/// little for its audit line.
const LAST_WORK: Duration = Duration::from_secs(15);

/// The sockets that are bound before anything else is done: whoever probes finds a reason instead
/// of a refused connection.
struct Listeners {
    api: TcpListener,
    probes: std::net::TcpListener,
}

/// How this process ends: first no new requests, then nothing.
struct Ends {
    draining: CancellationToken,
    stop: CancellationToken,
    tracker: TaskTracker,
}

/// Serves until a signal.
pub(crate) async fn run(config: Config, bootstrap: bool) -> anyhow::Result<()> {
    process::protect(config.require_mlock)?;
    let draining = process::shutdown()?;
    let listeners = Listeners {
        api: runtime::bind(config::LISTEN, &config.listen).await?,
        probes: runtime::bind(config::PROBES, &config.probes).await?.into_std()?,
    };
    let ends = Ends { draining, stop: CancellationToken::new(), tracker: TaskTracker::new() };
    let served = match Box::pin(open(&config, &listeners, &ends)).await {
        Ok(parts) => serve(&config, bootstrap, listeners, parts, &ends).await,
        Err(error) => Err(error),
    };
    ends.stop.cancel();
    served
}

/// Opens what status can't be told without, while the probes tell what is being waited for.
async fn open(config: &Config, listeners: &Listeners, ends: &Ends) -> anyhow::Result<Parts> {
    let early = Probes::new(Arc::new(Starting), Finished::default());
    let listener = TcpListener::from_std(listeners.probes.try_clone()?)?;
    let opened = CancellationToken::new();
    ends.tracker.spawn(early.serve(listener, ends.draining.clone(), opened.clone()));
    let _guard = opened.drop_guard();

    let sink = config.audit.clone();
    let opening = Box::pin(start::parts(config, &[Role::Nexus], sink, &ends.stop, &ends.tracker));
    ends.draining.run_until_cancelled(opening).await.context("stopped before it could serve")?
}

async fn serve(
    config: &Config,
    bootstrap: bool,
    listeners: Listeners,
    mut parts: Parts,
    ends: &Ends,
) -> anyhow::Result<()> {
    let started = Entry::new(Event::Started, "nexus.start", Timestamp::now());
    parts.audit.append(started).await.context("no audit")?;
    let mut registry = Registry::default();
    parts.store = Arc::new(Measured::new(parts.store, StoreMetrics::register(&mut registry)));
    if matches!(config.store, Place::Postgres(_)) {
        register_pool(&mut registry, parts.awaited.clone());
    }
    let metrics = Metrics::register(&mut registry, &parts);
    let nexus = assemble(config, &parts, metrics, &ends.draining)?;

    register_keepers(&mut registry, nexus.boot.clone());
    let probes = Probes::new(nexus.clone(), Finished::new(registry));
    let shown = nexus.clone();
    let probes = probes.route("/statusz", get(async move || Json(public(status(&shown)))));
    let listener = TcpListener::from_std(listeners.probes)?;
    ends.tracker.spawn(probes.serve(listener, ends.draining.clone(), ends.stop.clone()));
    let opening = opening(config, &nexus, &parts, ends);
    background(&nexus, &parts, bootstrap && config.mode != Mode::Memory, ends);

    let server = Server {
        listener: listeners.api,
        identity: parts.identity.clone(),
        router: api::router(nexus.clone()),
        limits: Limits { drain: config.drain, rate: Some(RATE), ..Limits::default() },
        refuse: Arc::new(api::refuse::unserved),
        admit: runtime::everyone(),
        metrics: nexus.metrics.serving.clone(),
    };
    tracing::info!(listen = %config.listen, "listening");
    server.run(ends.draining.clone()).await;
    finish(&nexus, &parts, ends).await;
    opening.await.context("the store's opening")?
}

/// Opens the store beside serving, so that whoever asks learns what it waits for. One that can't work
/// ends the process.
fn opening(
    config: &Config,
    nexus: &Arc<Nexus>,
    parts: &Parts,
    ends: &Ends,
) -> JoinHandle<anyhow::Result<()>> {
    let (place, store, nexus) = (config.store.clone(), parts.awaited.clone(), nexus.clone());
    let (draining, stop) = (ends.draining.clone(), ends.stop.clone());
    ends.tracker.spawn(async move {
        let missed = |error: &StoreError| {
            nexus.pulse.missed(error);
            nexus.keys.explain(Reason::new(pulse::UNAVAILABLE, error.class()));
        };
        let opening = start::open_store(&place, &store, missed);
        let opened = stop.run_until_cancelled(opening).await.unwrap_or(Ok(()));
        if opened.is_err() {
            draining.cancel();
        }
        opened
    })
}

/// Lets begun work end, then closes what it was written to.
async fn finish(nexus: &Nexus, parts: &Parts, ends: &Ends) {
    for tracker in [&nexus.work, &ends.tracker] {
        tracker.close();
        if timeout(LAST_WORK, tracker.wait()).await.is_err() {
            tracing::warn!("some work did not end in time");
        }
        ends.stop.cancel();
    }
    let stopped = Entry::new(Event::Stopped, "nexus.stop", Timestamp::now());
    if let Err(error) = parts.audit.append(stopped).await {
        tracing::warn!(%error, "the audit log doesn't say that this is the end");
    }
    parts.audit.close().await;
    parts.store.close().await;
    tracing::info!("stopped");
}

/// A replica over its parts.
pub(crate) fn assemble(
    config: &Config,
    parts: &Parts,
    metrics: Metrics,
    draining: &CancellationToken,
) -> anyhow::Result<Arc<Nexus>> {
    let app = App::new(
        parts.store.clone(),
        parts.keys.clone(),
        parts.audit.clone(),
        parts.watermark.clone(),
        config.bounds,
    );
    Ok(Arc::new(Nexus {
        app,
        keys: parts.keys.clone(),
        boot: Arc::new(Boot::new(parts.inputs(config))?),
        roles: config.roles.clone(),
        mode: config.mode,
        store_kind: config.store.kind(),
        replica: config.replica.clone(),
        pulse: Arc::default(),
        metrics,
        audit: parts.audit.clone(),
        work: TaskTracker::new(),
        draining: draining.clone(),
    }))
}

/// Everything that goes on beside requests, until the end.
fn background(nexus: &Arc<Nexus>, parts: &Parts, bootstrap: bool, ends: &Ends) {
    let (nexus, store) = (nexus.clone(), parts.store.clone());
    let (beating, stop) = (nexus.pulse.clone(), ends.stop.clone());
    let (asked, awaited) = (store.clone(), parts.awaited.clone());
    ends.tracker.spawn(async move {
        if stop.run_until_cancelled(awaited.opened()).await.is_some() {
            beating.run(&*asked, stop).await;
        }
    });

    let (looking, stop) = (nexus.clone(), ends.stop.clone());
    ends.tracker.spawn(async move {
        while stop.run_until_cancelled(sleep(LOOK_AGAIN)).await.is_some() {
            looking.app.look_again().await;
        }
    });

    let (booting, stop) = (nexus.clone(), ends.stop.clone());
    let awaited = parts.awaited.clone();
    ends.tracker.spawn(async move {
        let prepared = async {
            awaited.opened().await;
            if bootstrap {
                until_bootstrapped(&booting.boot).await;
            }
        };
        stop.run_until_cancelled(prepared).await;
        booting.boot.run(stop).await;
    });

    let stop = ends.stop.clone();
    ends.tracker.spawn(async move {
        let signed = async {
            let unsealed = nexus.keys.opened().await;
            let (id, seed) = unsealed.keys.audit_key();
            nexus.audit.sign_with(id, Zeroizing::new(*seed));
            tracing::info!("has its keys");
            sweep(&*store).await;
        };
        stop.run_until_cancelled(signed).await;
    });
}

/// Keepers may come later than we do; trying again never makes a second key.
async fn until_bootstrapped(boot: &Boot) {
    while let Err(error) = boot.bootstrap().await {
        tracing::warn!("not bootstrapped yet: {error}");
        sleep(BOOTSTRAP_PAUSE).await;
    }
}

/// Forgets old write keys from time to time.
async fn sweep(store: &dyn Store) {
    loop {
        sleep(SWEEP).await;
        let call = Call {
            guard: None,
            deadline: Instant::now() + SWEEP_BUDGET,
            at: Timestamp::now(),
            trace: TraceId::default(),
            caller: CallerHash([0; 32]),
        };
        match store.sweep(&call).await {
            Ok(gone) => tracing::debug!(gone, "swept out old write keys"),
            Err(error) => tracing::warn!("old write keys could not be swept out: {error}"),
        }
    }
}

/// What may be told to everyone on the pod network: codes and numbers. Sentences are for those who
/// may see `/v2/status`; they say who a Keeper turned out to be and what could be stolen.
fn public(mut status: Status) -> Status {
    for reason in &mut status.reasons {
        reason.message.clear();
    }
    for keeper in &mut status.keepers {
        keeper.url.clear();
        keeper.error = keeper.error.take().map(|_| "unreachable".to_owned());
    }
    status.store.error = status.store.error.take().map(|_| "unavailable".to_owned());
    status
}

/// Before there is anything to ask.
struct Starting;

impl Probe for Starting {
    fn health(&self) -> Health {
        let waits = "waits for its identity and its audit; the log says which";
        Health::not(State::Sealed, "starting", waits)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stranger_learns_neither_who_a_keeper_is_nor_where() {
        let status = json!({
            "status": "sealed",
            "reasons": [{"code": "c", "message": "it is spiffe://spike.ist/x at https://k-1"}],
            "version": "1", "replica": "a",
            "keepers": [{
                "index": 1, "url": "https://k-1:8443", "reachable": false,
                "error": "it is spiffe://spike.ist/x", "holds": [], "current": false,
            }],
            "store": {
                "kind": "postgres", "reachable": false,
                "error": "the server refuses this user with this password",
            },
            "policies": {"counter": 1},
            "audit": {"sink": "stdout", "lastSeq": 1, "failures": 0},
            "memory": {"locked": true},
        });
        let status: Status = serde_json::from_value(status).expect("a status");
        let told = json!(public(status));
        assert_eq!(
            (&told["reasons"][0]["code"], &told["keepers"][0]["index"]),
            (&json!("c"), &json!(1))
        );
        assert!(!told.to_string().contains("://"), "{told}");
        assert_eq!(told["store"]["error"], "unavailable");
    }
}
