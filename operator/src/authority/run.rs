//! Puts an authority together.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use jiff::Timestamp;
use kube::Client;
use prometheus_client::registry::Registry;
use spike_authority::builtin;
use spike_core::{
    SpiffeId,
    wire::v2::health::{Health, State},
};
use spike_identity::{Given, Identity, Source, Svid, Wanted, authority};
use spike_runtime::{
    Limits, Server,
    metrics::{Metrics, Serving, SvidExpiry},
    probes::{Probe, Probes},
    process, reply,
    serve::{bind, everyone},
};
use tokio::{sync::watch, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Authority, Config, Custody, KeptError, Mapping, Root, Roots, Times, TokenReviews, config,
    router,
};
use crate::names::{Names, Part};

/// How often roots are looked at: another replica may have changed them.
const LOOK: Duration = Duration::from_secs(5);

/// A request is a few kilobytes.
const BODY_BYTES: usize = 64 * 1024;

/// Runs an authority until SIGTERM or SIGINT.
pub async fn run(config: Config) -> anyhow::Result<()> {
    process::protect(false)?;
    spike_identity::install_crypto();
    let stop = process::shutdown().context("signals")?;
    let client = Client::try_default().await.context("no access to the Kubernetes API")?;
    serve(config, client, stop).await
}

/// The same with a client and a stop of the caller's.
pub async fn serve(config: Config, client: Client, stop: CancellationToken) -> anyhow::Result<()> {
    let tracker = TaskTracker::new();
    let ended = until_stopped(&config, client, &stop, &tracker).await;
    stop.cancel();
    tracker.close();
    tracker.wait().await;
    ended
}

async fn until_stopped(
    config: &Config,
    client: Client,
    stop: &CancellationToken,
    tracker: &TaskTracker,
) -> anyhow::Result<()> {
    let listener = bind(config::LISTEN, &config.listen).await?;
    let (tell, roots) = watch::channel(Roots::default());
    let mut registry = Registry::default();
    let serving = Serving::register(&mut registry);
    let expiry = SvidExpiry::register(&mut registry);
    let probes = Probes::new(Arc::new(HasRoots(roots.clone())), Metrics::new(registry));
    let listener_of_probes = bind(config::PROBES, &config.probes).await?;
    let done = CancellationToken::new();
    let _done = done.clone().drop_guard();
    tracker.spawn(probes.serve(listener_of_probes, stop.clone(), done));

    let names = names(config);
    let keeper = Keep {
        custody: Custody::new(&client, &names.namespace, &config.bundle),
        times: Times::new(config.svid_life),
        trust_domain: config.trust_domain.clone(),
        tell,
    };
    let stopping = stop.clone();
    tracker.spawn(async move { stopping.run_until_cancelled(keeper.keep()).await });

    let (give, given) = watch::channel(None);
    let own = Own { config: config.clone(), roots: roots.clone(), give };
    let stopping = stop.clone();
    tracker.spawn(async move { stopping.run_until_cancelled(own.renew()).await });
    let source = Source::Given(Given::new(given));
    let identity = Identity::start(source, Wanted::any(), stop.clone(), tracker).await?;
    expiry.follow(identity.clone());

    let authority = Authority {
        review: TokenReviews::new(client),
        mapping: Mapping::new(
            &config.trust_domain,
            &config.instance,
            &config.operator,
            config.svid_life,
        ),
        audience: names.audience(),
        roots,
    };
    tracing::info!(instance = %config.instance, listen = %config.listen, "serving");
    let server = Server {
        listener,
        identity,
        router: router(Arc::new(authority)),
        limits: Limits { body_bytes: BODY_BYTES, ..Limits::default() },
        refuse: Arc::new(reply::unserved),
        admit: everyone(),
        metrics: serving,
    };
    server.run(stop.clone()).await;
    Ok(())
}

fn names(config: &Config) -> Names {
    let instance = config.instance.to_string();
    let (namespace, cluster) = instance.split_once('/').unwrap_or_default();
    Names { namespace: namespace.to_owned(), cluster: cluster.to_owned() }
}

/// Ready once there is a root to sign with.
struct HasRoots(watch::Receiver<Roots>);

impl Probe for HasRoots {
    fn health(&self) -> Health {
        if self.0.borrow().signing().is_some() {
            return Health::READY;
        }
        Health::not(State::Sealed, "no_root", "waits for the Secret of its roots; see the log")
    }
}

/// Keeps the roots right, beside other replicas.
struct Keep {
    custody: Custody,
    times: Times,
    trust_domain: String,
    tell: watch::Sender<Roots>,
}

impl Keep {
    async fn keep(self) {
        loop {
            match self.step().await {
                // There may be more to do.
                Ok(true) => continue,
                Ok(false) | Err(KeptError::Raced) => {}
                Err(why) => tracing::warn!(error = %why, "the roots can't be kept right"),
            }
            sleep(LOOK).await;
        }
    }

    /// One look and at most one change; true if it changed something.
    async fn step(&self) -> Result<bool, KeptError> {
        let kept = self.custody.read().await?;
        let held = self.tell.borrow().clone();
        if kept.roots.roots.is_empty() && !held.roots.is_empty() {
            tracing::warn!("the roots were lost where they are kept, and are put back");
            return self.custody.write(&kept, &held).await.map(|()| true);
        }
        let published = kept.roots.roots.is_empty() || self.custody.publish(&kept.roots).await?;
        // Nobody gets an SVID of a root that can't be looked up.
        if published && !kept.roots.roots.is_empty() {
            self.tell.send_if_modified(|roots| {
                let changed = *roots != kept.roots;
                roots.clone_from(&kept.roots);
                changed
            });
        }
        let now = Timestamp::now();
        let next = kept.roots.next(&self.times, published, now, || self.make(now));
        match next {
            Ok(None) => Ok(!published),
            Ok(Some(next)) => self.custody.write(&kept, &next).await.map(|()| true),
            Err(why) => {
                tracing::error!(error = %why, "no root can be made");
                Ok(false)
            }
        }
    }

    fn make(&self, now: Timestamp) -> Result<Root, builtin::IssueError> {
        let root = builtin::Root::generate(&self.trust_domain, now)?;
        tracing::info!(trust_domain = self.trust_domain, "made a root");
        Ok(Root {
            certificate: root.certificate().to_owned(),
            key: root.key().clone(),
            made_at: now,
            published_at: None,
            retired_at: None,
        })
    }
}

/// The authority's own SVID, under its own roots.
struct Own {
    config: Config,
    roots: watch::Receiver<Roots>,
    give: watch::Sender<Option<Arc<Svid>>>,
}

impl Own {
    async fn renew(mut self) {
        loop {
            if let Err(why) = self.issue() {
                tracing::error!(error = why, "the authority has no SVID of its own");
            }
            let half = self.config.svid_life / 2;
            if let Ok(Err(_)) = tokio::time::timeout(half, self.roots.changed()).await {
                return;
            }
        }
    }

    fn issue(&mut self) -> Result<(), String> {
        let roots = self.roots.borrow_and_update().clone();
        let Some(root) = roots.signing() else { return Ok(()) };
        let root = builtin::Root::kept(&root.certificate, root.key.clone());
        let (domain, instance) = (&self.config.trust_domain, &self.config.instance);
        let id: SpiffeId = format!("spiffe://{domain}{}/{instance}", authority::AUTHORITY)
            .parse()
            .map_err(|_| "no SPIFFE ID can be made of its instance".to_owned())?;
        let names = names(&self.config);
        let host = names.host(&names.part(Part::Authority));
        let issued = root
            .issue(&id, &[host], self.config.svid_life, Timestamp::now())
            .map_err(|why| why.to_string())?;
        let svid = Svid {
            chain: authority::certificates(&issued.chain)?,
            key: issued.key,
            roots: authority::certificates(&roots.bundle())?,
        };
        self.give.send_replace(Some(Arc::new(svid)));
        Ok(())
    }
}
