//! An API server with our kind, clusters, and the operator.

use std::{collections::HashSet, fs, path::Path, time::Duration};

use anyhow::{Context, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::Namespace},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client,
    api::{
        ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams,
    },
};
use serde::Deserialize;
use serde_json::{Value, json};
use spike_crds::{SpikeCluster, definition};
use spike_testbed_kubernetes as testbed;
use tokio::time::{Instant, sleep};

use crate::{
    audit::{self, Line, Requests},
    process::Operator,
};

/// Who the operator is to the API server.
const USER: &str = "system:serviceaccount:spike-system:spike-operator";

/// Its rights, as they are installed.
const RIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/chart/files/rbac");

/// Clusters of one namespace.
const PER_NAMESPACE: usize = 50;

/// Requests of ours at once.
const AT_ONCE: usize = 16;

/// The machine is shared.
const PATIENCE: Duration = Duration::from_mins(30);

pub(crate) struct World {
    server: testbed::Api,
    client: Client,
    operator: Option<Operator>,
}

/// A moment, as a place in the audit.
#[derive(Clone, Copy)]
pub(crate) struct Mark(u64);

fn namespace(n: usize) -> String {
    format!("bench-{}", n / PER_NAMESPACE)
}

fn name(n: usize) -> String {
    format!("cluster-{n}")
}

impl World {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        spike_identity::install_crypto();
        let server = testbed::Api::audited(USER).await?;
        let client = server.client()?;
        let world = Self { server, client, operator: None };
        world.make_namespace("spike-system").await?;
        for file in ["account.yaml", "lease.yaml", "operator.yaml"] {
            world.install(&fs::read_to_string(Path::new(RIGHTS).join(file))?).await?;
        }
        let crds: Api<CustomResourceDefinition> = Api::all(world.client.clone());
        crds.create(&PostParams::default(), &definition()).await?;
        while world.clusters("default").list(&ListParams::default()).await.is_err() {
            sleep(Duration::from_millis(200)).await;
        }
        Ok(world)
    }

    async fn install(&self, text: &str) -> anyhow::Result<()> {
        for document in serde_yaml::Deserializer::from_str(text) {
            let object = DynamicObject::deserialize(document)?;
            let types = object.types.clone().context("a kind")?;
            let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(&types)?);
            let api: Api<DynamicObject> = match &object.metadata.namespace {
                Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
                None => Api::all_with(self.client.clone(), &resource),
            };
            api.create(&PostParams::default(), &object).await?;
        }
        Ok(())
    }

    async fn make_namespace(&self, name: &str) -> anyhow::Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let namespace = serde_json::from_value(json!({"metadata": {"name": name}}))?;
        namespaces.create(&PostParams::default(), &namespace).await?;
        Ok(())
    }

    fn clusters(&self, namespace: &str) -> Api<SpikeCluster> {
        Api::namespaced(self.client.clone(), namespace)
    }

    pub(crate) fn operator(&self) -> &Operator {
        self.operator.as_ref().expect("it runs")
    }

    /// Starts the operator and waits until it leads.
    pub(crate) async fn lead(&mut self) -> anyhow::Result<()> {
        let kubeconfig = self.server.kubeconfig_of(USER)?;
        let log = std::env::temp_dir().join(format!("spike-bench-{}.log", std::process::id()));
        self.operator = Some(Operator::start(&kubeconfig, &log)?);
        let end = Instant::now() + PATIENCE;
        while !self.operator().usage().await.is_ok_and(|usage| usage.leads) {
            ensure!(Instant::now() < end, "it never leads: see {}", log.display());
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        self.operator.take().expect("it runs").stop().await
    }

    /// As `kubectl apply` of a cluster whose database is not ours to change.
    pub(crate) async fn apply(&self, n: usize) -> anyhow::Result<()> {
        if n.is_multiple_of(PER_NAMESPACE) {
            self.make_namespace(&namespace(n)).await?;
        }
        let store = json!({"postgres": {
            "host": "db.example", "credentialsRef": {"name": "login"}, "migrations": "Manual",
        }});
        let object: Value = json!({
            "apiVersion": "spike.ist/v1alpha1",
            "kind": "SpikeCluster",
            "metadata": {"name": name(n)},
            "spec": {
                "trustDomain": "example.org",
                "identity": {"spire": {"clusterSPIFFEIDs": "None"}},
                "store": store,
            },
        });
        let params = PatchParams::apply("kubectl");
        self.clusters(&namespace(n)).patch(&name(n), &params, &Patch::Apply(object)).await?;
        Ok(())
    }

    /// Waits until the last of its objects is there.
    pub(crate) async fn until_made(&self, n: usize) -> anyhow::Result<()> {
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), &namespace(n));
        let name = format!("spike-{}-nexus", name(n));
        let end = Instant::now() + PATIENCE;
        while deployments.get_metadata_opt(&name).await?.is_none() {
            ensure!(Instant::now() < end, "{name} never came");
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Now, as a place in the audit.
    pub(crate) fn mark(&self) -> anyhow::Result<Mark> {
        Ok(Mark(fs::metadata(self.server.audit())?.len()))
    }

    /// Every request of the operator since then.
    pub(crate) fn requests_since(&self, Mark(begun): Mark) -> anyhow::Result<Vec<Line>> {
        Ok(audit::read(&self.server.audit(), begun)?.0)
    }

    /// What came since then, and from where more comes.
    fn more(&self, mark: &mut Mark) -> anyhow::Result<Vec<Line>> {
        let (lines, end) = audit::read(&self.server.audit(), mark.0)?;
        mark.0 = end;
        Ok(lines)
    }

    /// Waits until the operator has written nothing for so long.
    pub(crate) async fn until_settled(&self, quiet: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        let (mut mark, mut since) = (self.mark()?, Instant::now());
        while since.elapsed() < quiet {
            ensure!(Instant::now() < end, "it writes for ever");
            sleep(Duration::from_secs(5)).await;
            if !Requests::of(&self.more(&mut mark)?).writes.is_empty() {
                since = Instant::now();
            }
        }
        Ok(())
    }

    /// Waits until every cluster was looked at since then.
    pub(crate) async fn until_looked(&self, mut mark: Mark, clusters: usize) -> anyhow::Result<()> {
        let mut seen = HashSet::new();
        let end = Instant::now() + PATIENCE;
        while seen.len() < clusters {
            ensure!(Instant::now() < end, "{} of {clusters} were looked at", seen.len());
            sleep(Duration::from_millis(100)).await;
            let looks = self.more(&mut mark)?.into_iter().filter(Line::begins_a_look);
            seen.extend(looks.map(|line| line.request_uri));
        }
        Ok(())
    }

    /// Waits for so many reconciles since the operator's start; how many there were.
    pub(crate) async fn until_reconciled(&self, count: usize) -> anyhow::Result<usize> {
        loop {
            let done = self.operator().usage().await?.reconciles;
            if done >= count {
                return Ok(done);
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Labels every cluster, which changes nothing for the operator but makes it look; how fast it was.
    pub(crate) async fn touch_all(&self, clusters: usize) -> anyhow::Result<String> {
        self.until_settled(Duration::from_secs(20)).await?;
        let begun = self.mark()?;
        let before = self.operator().usage().await?;
        let since = Instant::now();
        let touches = stream::iter(0..clusters).map(|n| async move {
            let label = json!({"metadata": {"labels": {"example.org/touched": "yes"}}});
            let api = self.clusters(&namespace(n));
            api.patch(&name(n), &PatchParams::default(), &Patch::Merge(label)).await.map(drop)
        });
        touches.buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await?;
        let done = self.until_reconciled(before.reconciles + clusters).await? - before.reconciles;
        let (took, after) = (since.elapsed(), self.operator().usage().await?);
        let asked = Requests::of(&self.requests_since(begun)?);
        let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64() * 1e6;
        let done = u32::try_from(done)?;
        Ok(format!(
            "{:.0} per second, as fast as clusters could be changed; {:.0} µs of CPU each; {} reads, \
             {} writes",
            f64::from(done) / took.as_secs_f64(),
            cpu / f64::from(done),
            asked.reads,
            asked.writes.len(),
        ))
    }

    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        self.stop().await?;
        self.server.stop().await
    }
}

/// From the write that made it lead to the first look at a cluster.
pub(crate) fn first_look(lines: &[Line]) -> anyhow::Result<Duration> {
    let led = lines.iter().find(|line| line.is_lease() && line.is_write()).context("it led")?;
    let looked = lines.iter().find(|line| line.begins_a_look()).context("it looked")?;
    let time = led.request_received_timestamp.duration_until(looked.request_received_timestamp);
    Ok(Duration::try_from(time)?)
}
