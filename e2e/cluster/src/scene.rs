//! A cluster that serves, clients that ask it all the while, and a watch on who has the root key: what
//! a test lets something happen to.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api as Resources, ResourceExt, api::ListParams};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Demo, Load, Manifest, Namespace, Report,
    pods::{KEEPER, NEXUS, of_cluster, serves},
};

/// So many requests are answered before something happens, and after it is over.
const SOME: u64 = 150;

/// How often the pods are looked at.
const LOOK: Duration = Duration::from_millis(200);

/// What happens under load.
pub struct Scene<'a> {
    /// The cluster.
    pub demo: Demo<'a>,
    namespace: &'a Namespace,
    load: Load<'a>,
    watch: Watch,
    began: Instant,
}

/// The least that was seen at any moment.
#[derive(Clone, Copy, Debug)]
pub struct Least {
    /// Keepers that held a shard, by their own word, and weren't about to go.
    pub keepers: usize,
    /// Nexus that had the root key, likewise.
    pub nexus: usize,
    looks: u32,
}

impl<'a> Scene<'a> {
    /// Applies the manifest, and lets clients in once it serves. They run on this node if one is
    /// named.
    pub async fn begin(
        namespace: &'a Namespace,
        manifest: &Manifest,
        node: Option<&str>,
    ) -> anyhow::Result<Self> {
        Self::around(Demo::apply(namespace, manifest).await?, node).await
    }

    /// The same around a cluster that was applied.
    pub async fn around(demo: Demo<'a>, node: Option<&str>) -> anyhow::Result<Self> {
        demo.until_settled().await;
        let namespace = demo.namespace;
        let load = Load::start(namespace, node).await?;
        load.until_answered(SOME).await?;
        let watch = Watch::on(namespace);
        Ok(Self { demo, namespace, load, watch, began: Instant::now() })
    }

    /// Patches the spec, as a person would.
    pub async fn change(&self, patch: &Value) -> anyhow::Result<()> {
        let patch = format!("--patch={patch}");
        let change = ["patch", "spikecluster/demo", "--type=merge", &patch];
        self.namespace.kubectl(&change).await.map(drop)
    }

    /// How long ago the clients' first requests were answered.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The clients.
    pub fn load(&self) -> &Load<'a> {
        &self.load
    }

    /// Ends when clients are answered; what they met, and the least that had the root key meanwhile.
    ///
    /// # Errors
    ///
    /// If a promise was broken, whatever happened: an acknowledged write that isn't there, a read of
    /// something else than was written.
    pub async fn end(self, what: &str) -> anyhow::Result<(Report, Least)> {
        let waited = self.began.elapsed();
        self.load.until_answered(SOME).await?;
        let least = self.watch.end().await;
        let report = self.load.stop().await?;
        let lost = self.load.check().await?;
        let Report { answered, repeated, failed, met, slowest, broken } = &report;
        eprintln!(
            "{what}: {waited:.1?}; {answered} requests answered, the slowest after {slowest:.1?}, \
             {repeated} after they were sent again {met:?}, {failed:?} not at all; at least {} \
             Keepers and {} Nexus had the key in {} looks",
            least.keepers, least.nexus, least.looks,
        );
        ensure!(broken.is_empty() && lost.is_empty(), "{what}: {broken:?} {lost:?}");
        Ok((report, least))
    }

    /// The same, and nobody noticed: no request failed, and there always were so many Keepers and a
    /// Nexus.
    pub async fn end_unnoticed(self, what: &str, threshold: usize) -> anyhow::Result<()> {
        let (report, least) = self.end(what).await?;
        ensure!(report.failed.is_empty(), "{what}: {report:?}");
        ensure!(least.keepers >= threshold && least.nexus >= 1, "{what}: {least:?}");
        Ok(())
    }
}

/// The field of a manifest that asks for this image.
pub fn of_image(reference: &str) -> Value {
    let (repository, tag) = reference.rsplit_once(':').unwrap_or((reference, "latest"));
    json!({ "spec": { "image": { "repository": repository, "tag": tag } } })
}

/// Looks at the pods until it is told to stop.
struct Watch {
    least: Arc<Mutex<Least>>,
    stop: CancellationToken,
    looking: TaskTracker,
}

impl Watch {
    fn on(namespace: &Namespace) -> Self {
        let least = Least { keepers: usize::MAX, nexus: usize::MAX, looks: 0 };
        let least = Arc::new(Mutex::new(least));
        let (stop, looking) = (CancellationToken::new(), TaskTracker::new());
        let pods = Resources::namespaced(namespace.client(), &namespace.name);
        looking.spawn(stop.clone().run_until_cancelled_owned(watch(pods, least.clone())));
        looking.close();
        Self { least, stop, looking }
    }

    async fn end(self) -> Least {
        self.stop.cancel();
        self.looking.wait().await;
        *self.least.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn watch(pods: Resources<Pod>, least: Arc<Mutex<Least>>) {
    loop {
        if let Ok((keepers, nexus)) = look(&pods).await {
            let mut least = least.lock().unwrap_or_else(PoisonError::into_inner);
            least.keepers = least.keepers.min(keepers);
            least.nexus = least.nexus.min(nexus);
            least.looks += 1;
        }
        sleep(LOOK).await;
    }
}

/// How many Keepers and Nexus are ready, which each is while it holds key material.
async fn look(pods: &Resources<Pod>) -> anyhow::Result<(usize, usize)> {
    let all = pods.list(&ListParams::default().labels(&of_cluster(None))).await.context("list")?;
    let of = |part: &str| {
        let is =
            |pod: &&Pod| pod.labels().get("app.kubernetes.io/component").is_some_and(|c| c == part);
        all.iter().filter(is).filter(|pod| serves(pod)).count()
    };
    Ok((of(KEEPER), of(NEXUS)))
}
