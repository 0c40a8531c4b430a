//! Puts the operator together: waits to lead, reconciles, and stops at once when it no longer leads.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use futures::StreamExt;
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, StatefulSet},
        batch::v1::Job,
        core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service, ServiceAccount},
        networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
        rbac::v1::{ClusterRoleBinding, RoleBinding},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Config as Access, Resource, ResourceExt,
    core::{DeserializeGuard, PartialObjectMeta},
    runtime::{
        Controller,
        controller::Config as Pace,
        events::{Recorder, Reporter},
        reflector::{ObjectRef, Store},
        watcher,
    },
};
use prometheus_client::registry::Registry;
use serde::de::DeserializeOwned;
use spike_core::{Role, wire::v2::health::Health};
use spike_crds::SpikeCluster;
use spike_identity::{Identity, Wanted};
use spike_runtime::{
    metrics::Metrics as Finished,
    probes::{Probe, Probes},
    process,
    serve::bind,
};
use tokio::time::sleep;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::{self, Config},
    context::Context,
    lease::{Election, Reign},
    metrics::Metrics,
    names::{MANAGER, Names, label},
    reconcile::{failed, reconcile},
    turns::Turns,
    validate::Defaults,
    voices::Voices,
};

/// Clusters that are worked on at once: each waits for answers most of its time.
const AT_ONCE: u16 = 32;

/// Changes of one cluster within this time are looked at once.
const DEBOUNCE: Duration = Duration::from_millis(200);

/// Between two looks for the CRD, which may be installed after us.
const CRD_PAUSE: Duration = Duration::from_secs(2);

/// How long what is being reconciled may take once we shall stop: less than a pod's grace.
const DRAIN: Duration = Duration::from_secs(20);

/// The CRD that must be there.
const CRD: &str = "spikeclusters.spike.ist";

type Guarded = DeserializeGuard<SpikeCluster>;

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
    let client = Client::try_from(access)?;
    let tracker = TaskTracker::new();
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let probes = Probes::new(Arc::new(Alive), Finished::new(registry));
    let listener = bind(config::PROBES, &config.probes).await?;
    let done = CancellationToken::new();
    let _done = done.clone().drop_guard();
    tracker.spawn(probes.serve(listener, stop.clone(), done.clone()));

    let led = stop.clone().run_until_cancelled_owned(until_leading(&config, &client)).await;
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
async fn until_leading(config: &Config, client: &Client) -> Election {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    loop {
        match crds.get_opt(CRD).await {
            Ok(Some(_)) => break,
            Ok(None) => tracing::warn!("waits for the CRD {CRD}: install it"),
            Err(why) => tracing::warn!(error = %why, "the CRD can't be looked for"),
        }
        sleep(CRD_PAUSE).await;
    }
    let mut election = Election::new(client.clone(), &config.site.namespace, &config.replica);
    election.lead().await;
    election
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
    let kept = async { election.keep(idle.clone()).await.map_err(anyhow::Error::from) };
    let acted = async {
        let context = context(config, client, reign, metrics, &ours, tracker).await;
        let overdue = async {
            stop.cancelled().await;
            sleep(DRAIN).await;
        };
        tokio::select! {
            () = control(context, stop.clone()) => {}
            () = overdue => tracing::warn!("what is being reconciled is left as it is"),
        }
        idle.cancel();
        anyhow::ensure!(stop.is_cancelled(), "the watches ended");
        Ok(())
    };
    futures::future::try_join(kept, acted).await.map(drop)
}

async fn context(
    config: &Config,
    client: Client,
    reign: Reign,
    metrics: Metrics,
    ours: &CancellationToken,
    tracker: &TaskTracker,
) -> Arc<Context> {
    let client = reign.fence(client);
    let spire = spire(config, ours, tracker).await;
    Arc::new(Context {
        voices: Voices::new(
            client.clone(),
            config.site.clone(),
            spire,
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
        turns: Turns::default(),
        looks: Arc::default(),
    })
}

/// Where SPIRE is, the operator has its identity from there; where it isn't, nobody waits for it.
async fn spire(
    config: &Config,
    stop: &CancellationToken,
    tracker: &TaskTracker,
) -> Option<Identity> {
    let source = config.identity.clone()?;
    let ours = |id: &spike_core::SpiffeId| id.as_str().ends_with(Role::Operator.path());
    let wanted = Wanted::matching(ours, "an operator's");
    match Identity::start(source, wanted, stop.clone(), tracker).await {
        Ok(identity) => Some(identity),
        Err(why) => {
            tracing::warn!(error = %why, "no identity of SPIRE: its clusters can't be asked");
            None
        }
    }
}

/// Everything that makes a cluster be looked at.
async fn control(context: Arc<Context>, stop: CancellationToken) {
    let clusters: Api<Guarded> = Api::all(context.client.clone());
    let controller = Controller::new(clusters, watcher::Config::default())
        .with_config(Pace::default().concurrency(AT_ONCE).debounce(DEBOUNCE))
        .graceful_shutdown_on(stop.cancelled_owned());
    let controller = watch::<StatefulSet>(controller, &context);
    let controller = watch::<Deployment>(controller, &context);
    let controller = watch::<Job>(controller, &context);
    let controller = watch::<Pod>(controller, &context);
    let controller = watch::<Service>(controller, &context);
    let controller = watch::<ServiceAccount>(controller, &context);
    let controller = watch::<ConfigMap>(controller, &context);
    let controller = watch::<NetworkPolicy>(controller, &context);
    let controller = watch::<PodDisruptionBudget>(controller, &context);
    let controller = watch::<PersistentVolumeClaim>(controller, &context);
    let controller = watch::<RoleBinding>(controller, &context);
    let controller = watch::<ClusterRoleBinding>(controller, &context);
    controller
        .run(reconcile, failed, context)
        .for_each(async |done| {
            if let Err(why) = done {
                tracing::debug!(error = %why, "not done");
            }
        })
        .await;
}

/// Objects of ours lead to their cluster by their labels: they have no owner.
fn watch<K>(controller: Controller<Guarded>, context: &Context) -> Controller<Guarded>
where
    K: Resource<DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug
        + Send
        + Sync
        + 'static,
{
    let ours = format!("{}={MANAGER}", label::MANAGED_BY);
    let api: Api<PartialObjectMeta<K>> = Api::all(context.client.clone());
    let (looks, known) = (Arc::clone(&context.looks), controller.store());
    controller.watches(api, watcher::Config::default().labels(&ours), move |object| {
        let owners = owners(&object, &known);
        for names in &owners {
            looks.changed(names.clone());
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

/// Ready while it runs: who waits for the lease is as ready to lead as can be.
struct Alive;

impl Probe for Alive {
    fn health(&self) -> Health {
        Health::READY
    }
}
