//! Puts the operator together: waits to lead, reconciles, and stops at once when it no longer leads.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use futures::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, Config as Access,
    runtime::{
        controller::Config as Pace,
        events::{Recorder, Reporter},
    },
};
use prometheus_client::registry::Registry;
use spike_core::wire::v2::health::Health;
use spike_runtime::{
    metrics::Metrics as Finished,
    probes::{Probe, Probes},
    process,
    serve::bind,
};
use tokio::time::sleep;
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

use crate::{
    config::{self, Config},
    contested::Contested,
    context::Context,
    lease::{Election, Reign},
    metrics::Metrics,
    names::MANAGER,
    queue::Queue,
    reconcile::{failed, reconcile},
    told::Told,
    turns::Turns,
    validate::Defaults,
    voices::Voices,
    watches,
};

/// Changes of one cluster within this time are looked at once.
const DEBOUNCE: Duration = Duration::from_millis(200);

/// Between two looks for the CRD, which may be installed after us.
const CRD_PAUSE: Duration = Duration::from_secs(2);

/// How long what is being reconciled may take once we shall stop: less than a pod's grace.
const DRAIN: Duration = Duration::from_secs(20);

/// The CRD that must be there.
const CRD: &str = "spikeclusters.spike.ist";

/// Runs the operator until SIGTERM or SIGINT, or until it no longer leads.
pub async fn run(config: Config) -> anyhow::Result<()> {
    process::protect(false)?;
    spike_identity::install_crypto();
    let stop = process::shutdown().context("signals")?;
    let access = Access::infer().await.context("no access to the Kubernetes API")?;
    serve(config, access, stop).await
}

/// The same with an access and a stop of the caller's.
pub async fn serve(
    config: Config,
    mut access: Access,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    // Nobody waits for minutes inside a reconcile: see the client of who leads.
    access.default_retry = false;
    // Who leads is asked by a way of its own: no look at a cluster is ever ahead of it.
    let (client, leases) = (Client::try_from(access.clone())?, Client::try_from(access)?);
    let tracker = TaskTracker::new();
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let probes = Probes::new(Arc::new(Alive), Finished::new(registry));
    let listener = bind(config::PROBES, &config.probes).await?;
    let done = CancellationToken::new();
    let _done = done.clone().drop_guard();
    tracker.spawn(probes.serve(listener, stop.clone(), done.clone()));

    let led = stop.clone().run_until_cancelled_owned(until_leading(&config, &client, leases)).await;
    let ended = match led {
        Some(election) => {
            metrics.leads.set(1);
            tracing::info!(replica = config.replica, "leads");
            lead(&config, client, metrics, election, &stop, &tracker).await
        }
        None => Ok(()),
    };
    done.cancel();
    tracker.close();
    tracker.wait().await;
    ended
}

/// Waits for the CRD, then for the lease.
async fn until_leading(config: &Config, client: &Client, leases: Client) -> Election {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    loop {
        match crds.get_opt(CRD).await {
            Ok(Some(crd)) => {
                if let Some(problem) = of_another_version(&crd) {
                    tracing::warn!("{problem}");
                }
                break;
            }
            Ok(None) => tracing::warn!("waits for the CRD {CRD}: install it"),
            Err(why) => tracing::warn!(error = %why, "the CRD can't be looked for"),
        }
        sleep(CRD_PAUSE).await;
    }
    let mut election = Election::new(leases, &config.site.namespace, &config.replica);
    election.lead().await;
    election
}

/// What to say of a CRD that isn't ours: Helm doesn't upgrade what it doesn't own.
fn of_another_version(crd: &CustomResourceDefinition) -> Option<String> {
    const OURS: &str = env!("CARGO_PKG_VERSION");
    let installed = spike_crds::installed_version(crd).unwrap_or("none that it says");
    (installed != OURS).then(|| {
        format!(
            "the CRD {CRD} is of version {installed}, the operator of {OURS}: apply config/crd of {OURS}"
        )
    })
}

/// Reconciles until `stop`, or an error as soon as the lease is lost. The lease is let go only when
/// nothing is being reconciled any more: then the next one may begin.
async fn lead(
    config: &Config,
    client: Client,
    metrics: Metrics,
    election: Election,
    stop: &CancellationToken,
    tracker: &TaskTracker,
) -> anyhow::Result<()> {
    // What follows identities ends with us, whyever we end.
    let ours = stop.child_token();
    let _ours = ours.clone().drop_guard();
    let idle = CancellationToken::new();
    let reign = election.reign();
    // A task of its own: whatever else there is to do, it is woken up in time.
    let kept = AbortOnDropHandle::new(tracker.spawn(election.keep(idle.clone())));
    let kept = async { kept.await?.map_err(anyhow::Error::from) };
    let acted = async {
        let context = context(config, client.clone(), reign, metrics, &ours, tracker);
        let overdue = async {
            stop.cancelled().await;
            sleep(DRAIN).await;
        };
        tokio::select! {
            () = control(&client, context, stop.clone()) => {}
            () = overdue => tracing::warn!("what is being reconciled is left as it is"),
        }
        idle.cancel();
        anyhow::ensure!(stop.is_cancelled(), "the watches ended");
        Ok(())
    };
    futures::future::try_join(kept, acted).await.map(drop)
}

fn context(
    config: &Config,
    client: Client,
    reign: Reign,
    metrics: Metrics,
    ours: &CancellationToken,
    tracker: &TaskTracker,
) -> Arc<Context> {
    let client = reign.fence(client);
    Arc::new(Context {
        voices: Voices::new(
            client.clone(),
            config.site.clone(),
            config.identity.clone(),
            ours.clone(),
            tracker.clone(),
        ),
        recorder: Recorder::new(
            client.clone(),
            Reporter { controller: MANAGER.to_owned(), instance: Some(config.replica.clone()) },
        ),
        defaults: Defaults { image: config.site.image.clone() },
        site: config.site.clone(),
        client,
        metrics,
        failures: std::sync::Mutex::default(),
        contested: Contested::default(),
        turns: Turns::default(),
        queue: Queue::default(),
        told: Told::default(),
        looks: Arc::default(),
    })
}

/// Reconciles whatever changed, until `stop`; then what was begun comes to its end, and nothing else.
async fn control(client: &Client, context: Arc<Context>, stop: CancellationToken) {
    let ends = Arc::clone(&context);
    let stopped = async move {
        stop.cancelled().await;
        ends.queue.close();
    };
    watches::controller(client, &context.looks)
        // How many are worked on at once, and who is first, is the queue's to say.
        .with_config(Pace::default().debounce(DEBOUNCE))
        .graceful_shutdown_on(stopped)
        .run(reconcile, failed, context)
        .for_each(async |done| {
            if let Err(why) = done {
                tracing::debug!(error = %why, "not done");
            }
        })
        .await;
}

/// Ready while it runs: who waits for the lease is as ready to lead as can be.
struct Alive;

impl Probe for Alive {
    fn health(&self) -> Health {
        Health::READY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_was_not_upgraded_is_told_of() {
        let mut crd = spike_crds::definition();
        assert_eq!(of_another_version(&crd), None);
        let annotations = crd.metadata.annotations.as_mut().expect("its version");
        annotations.insert("spike.ist/version".to_owned(), "0.0.9".to_owned());
        let problem = of_another_version(&crd).expect("it is older");
        assert!(problem.contains("is of version 0.0.9") && problem.contains("apply config/crd"));
        crd.metadata.annotations = None;
        assert!(of_another_version(&crd).is_some());
    }
}
