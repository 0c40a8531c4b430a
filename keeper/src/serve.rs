//! Puts a Keeper together, serves, and takes it apart again.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use spike_audit::{APPEND_DEADLINE, Entry, Event, Log};
use spike_core::{Role, Roles, ShareIndex};
use spike_identity::{Expected, Identity, IdentityError, Peer};
use spike_runtime::{
    Limits, Server,
    metrics::{Metrics, Requests, Serving, SvidExpiry},
    probes::Probes,
    process, reply,
    serve::{Rate, bind},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    api::{self, Api},
    config::{self, Config},
    keeper::Keeper,
    metrics,
    slots::Sender,
};

/// A cluster has a handful of Nexus replicas; each keeps a connection or two.
const CONNECTIONS: usize = 256;

/// Audit lines are written one after the other: more would only wait.
const IN_FLIGHT: usize = 64;

/// A framed shard in JSON takes less than one.
const BODY_BYTES: usize = 64 * 1024;

/// All Nexus replicas share an identity and ask every ten seconds.
const RATE: Rate = Rate { per_second: 50, burst: 200 };

/// Runs a Keeper until SIGTERM or SIGINT.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    process::protect(config.require_mlock)?;
    spike_identity::install_crypto();
    let stop = process::shutdown().context("signals")?;
    let tracker = TaskTracker::new();
    let audit = Log::open(config.audit.clone(), config.replica.clone()).await?;
    let ended = serve(&config, &audit, &stop, &tracker).await;
    // Whatever happened: nothing goes on without the others.
    stop.cancel();
    audit.append(Entry::new(Event::Stopped, "keeper.stop", Timestamp::now())).await.ok();
    audit.close().await;
    tracker.close();
    tracker.wait().await;
    ended
}

async fn serve(
    config: &Config,
    audit: &Log,
    stop: &CancellationToken,
    tracker: &TaskTracker,
) -> anyhow::Result<()> {
    audit.append(Entry::new(Event::Started, "keeper.start", Timestamp::now())).await?;
    let listener = bind(config::LISTEN, &config.listen).await?;
    let keeper = Arc::new(Keeper::new(config, audit.clone()));
    let mut registry = Registry::default();
    let requests = Requests::register(&mut registry);
    let serving = Serving::register(&mut registry);
    let svid = SvidExpiry::register(&mut registry);
    metrics::register(&mut registry, Arc::clone(&keeper));

    // Probes answer before there is an identity: waiting for one is no reason to be restarted.
    let probes = Probes::new(Arc::clone(&keeper) as _, Metrics::new(registry));
    let listener_of_probes = bind(config::PROBES, &config.probes).await?;
    let done = CancellationToken::new();
    let _done = done.clone().drop_guard();
    tracker.spawn(probes.serve(listener_of_probes, stop.clone(), done));

    let wanted = keeper_of(config.roles.clone(), config.index).into();
    let source = config.identity.clone();
    let identity = match Identity::start(source, wanted, stop.clone(), tracker).await {
        // Asked to stop before there was anything to serve.
        Err(IdentityError::Stopped) => return Ok(()),
        started => started?,
    };
    svid.follow(identity.clone());
    tracing::info!(id = %identity.id(), index = %config.index, listen = %config.listen, "serving");

    let roles = config.roles.clone();
    let api = Server {
        listener,
        identity,
        router: api::router(Api { keeper: Arc::clone(&keeper), requests }),
        limits: limits(config.drain),
        refuse: Arc::new(reply::unserved),
        admit: Arc::new(move |peer| is_ours(&roles, peer)),
        metrics: serving,
    };
    api.run(stop.clone()).await;
    // What a client left behind has one line's time: it is written, or nothing is changed.
    tokio::time::timeout(APPEND_DEADLINE, keeper.idle()).await.ok();
    Ok(())
}

/// Our own SVID must be a Keeper's, and this Keeper's where pods have identities of their own.
fn keeper_of(roles: Roles, index: ShareIndex) -> Expected {
    let what = format!("{} of shard {index}", Role::Keeper.path());
    Expected::matching(move |id| roles.is_keeper_of(id, index), what)
}

/// Nobody but Nexus and Bootstrap gets past the handshake.
fn is_ours(roles: &Roles, peer: Option<&Peer>) -> bool {
    peer.is_some_and(|peer| Sender::of(roles, &peer.id).is_some())
}

fn limits(drain: Duration) -> Limits {
    Limits {
        connections: CONNECTIONS,
        in_flight: IN_FLIGHT,
        body_bytes: BODY_BYTES,
        rate: Some(RATE),
        drain,
        ..Limits::default()
    }
}
