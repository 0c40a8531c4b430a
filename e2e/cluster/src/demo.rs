//! A `SpikeCluster` of a test: its manifest, and what becomes of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use anyhow::{Context, ensure};
use futures::TryStreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Api as Resources,
    api::{WatchEvent, WatchParams},
};
use serde_json::{Value, json};
use spike_crds::SpikeCluster;
use tokio::time::{Instant, sleep};

use crate::{
    IMAGE, Namespace,
    process::{LOOK, PATIENCE},
    wait::until,
};

/// Every test's cluster is called so, in a namespace of its own.
pub const NAME: &str = "demo";

/// What [`Demo::until_looked_at`] edits.
pub const EDITED: &str = "ConfigMap/spike-demo-config";

/// Its trust domain.
pub const DOMAIN: &str = "example.org";

/// The installations, as users apply them: for clusters with SPIRE, and without.
const WITH_SPIRE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/spire");
const INSTALLATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/default");

/// What a cluster is made of in its namespace.
const KINDS: &str = "service,serviceaccount,configmap,secret,poddisruptionbudget,networkpolicy,\
                     rolebinding,deployment,statefulset,pod";

/// A manifest.
#[derive(Clone, Debug)]
pub struct Manifest(Value);

impl Manifest {
    /// One Nexus with a volume.
    pub fn on_sqlite() -> Self {
        Self::on(&json!({ "sqlite": {} }), 1)
    }

    /// So many Nexus on the namespace's [`Postgres`](crate::Postgres).
    pub fn on_postgres(nexus: u8) -> Self {
        let store = json!({ "postgres": {
            "serviceRef": { "name": "postgres" },
            "database": "spike",
            "caRef": { "kind": "ConfigMap", "name": "store-ca" },
            "credentialsRef": { "name": "store" },
            "migrationCredentialsRef": { "name": "store-owner" },
        }});
        Self::on(&store, nexus)
    }

    fn on(store: &Value, nexus: u8) -> Self {
        Self(json!({
            "apiVersion": "spike.ist/v1alpha1", "kind": "SpikeCluster",
            "metadata": { "name": NAME },
            "spec": {
                "trustDomain": DOMAIN,
                "identity": { "builtin": {} },
                "store": store,
                "nexus": { "replicas": nexus },
            },
        }))
    }

    /// The same with identities of SPIRE, whose controller manager is of this class.
    #[must_use]
    pub fn with_spire(self, class: &str) -> Self {
        let spire = json!({ "className": class });
        self.with(&json!({ "spec": { "identity": { "builtin": null, "spire": spire } } }))
    }

    fn installation(&self) -> &'static str {
        let spire = self.0.pointer("/spec/identity/spire");
        if spire.is_some() { WITH_SPIRE } else { INSTALLATION }
    }

    /// The same with more or other fields, by RFC 7396.
    #[must_use]
    pub fn with(mut self, patch: &Value) -> Self {
        merge(&mut self.0, patch);
        self
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn merge(into: &mut Value, patch: &Value) {
    let (Value::Object(fields), Value::Object(patch)) = (&mut *into, patch) else {
        into.clone_from(patch);
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// The cluster, applied.
pub struct Demo<'a> {
    pub(crate) namespace: &'a Namespace,
    clusters: Resources<SpikeCluster>,
}

impl<'a> Demo<'a> {
    /// Installs the operator, unless it is, and applies the manifest.
    pub async fn apply(namespace: &'a Namespace, manifest: &Manifest) -> anyhow::Result<Self> {
        Self::apply_with(IMAGE, namespace, manifest).await
    }

    /// The same with the operator of this image, which is also the cluster's if that names none.
    pub async fn apply_with(
        image: &str,
        namespace: &'a Namespace,
        manifest: &Manifest,
    ) -> anyhow::Result<Self> {
        install_from(manifest.installation(), namespace, image).await?;
        Self::apply_only(namespace, manifest).await
    }

    /// Applies the manifest where an operator is installed.
    pub async fn apply_only(namespace: &'a Namespace, manifest: &Manifest) -> anyhow::Result<Self> {
        namespace.apply(&manifest.to_string()).await?;
        let clusters = Resources::namespaced(namespace.client(), &namespace.name);
        Ok(Self { namespace, clusters })
    }

    /// As it is now.
    pub async fn get(&self) -> anyhow::Result<SpikeCluster> {
        self.clusters.get(NAME).await.context("get the SpikeCluster")
    }

    /// Waits until its status has this to say.
    ///
    /// # Panics
    ///
    /// After three minutes, with what the cluster looks like.
    pub async fn until(&self, what: &str, mut holds: impl FnMut(&SpikeCluster) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !self.get().await.is_ok_and(|cluster| holds(&cluster)) {
            let patient = Instant::now() < end;
            assert!(patient, "waited {PATIENCE:?} until {what}\n{}", self.look().await);
            sleep(LOOK).await;
        }
    }

    /// Waits until a condition has this status and reason.
    pub async fn until_condition(&self, kind: &str, status: &str, reason: &str) {
        let what = format!("{kind} is {status} because of {reason}");
        let says = |found: &Condition| found.status == status && found.reason == reason;
        self.until(&what, |cluster| condition(cluster, kind).is_some_and(says)).await;
    }

    /// Waits until it serves what was asked for last, and nothing is left to do.
    pub async fn until_settled(&self) {
        self.until("it is settled", is_settled).await;
    }

    /// Everything that its status has said since it was read as `from`, which must not be long ago.
    pub async fn since(&self, from: &SpikeCluster) -> anyhow::Result<Vec<SpikeCluster>> {
        let version = from.metadata.resource_version.as_deref().context("it was read")?;
        let only = WatchParams::default().fields(&format!("metadata.name={NAME}")).timeout(1);
        let events = self.clusters.watch(&only, version).await?.try_collect::<Vec<_>>().await?;
        let states = events.into_iter().filter_map(|event| match event {
            WatchEvent::Modified(cluster) => Some(cluster),
            _ => None,
        });
        Ok(states.collect())
    }

    /// The pods of a part (`nexus`, `keeper`, `authority`), as `pod/<name>`, in order.
    pub async fn pods(&self, part: &str) -> anyhow::Result<Vec<String>> {
        let part = format!("spike.ist/cluster={NAME},app.kubernetes.io/component={part}");
        let names = self.namespace.kubectl(&["get", "pod", "-o", "name", "-l", &part]).await?;
        Ok(names.lines().map(ToOwned::to_owned).collect())
    }

    /// Every object that the cluster is made of, and its version: what changes if anybody writes.
    pub async fn versions(&self) -> anyhow::Result<BTreeMap<String, String>> {
        self.children("{.metadata.resourceVersion}").await
    }

    /// Those whose version isn't what it was then.
    pub async fn written_since(
        &self,
        then: &BTreeMap<String, String>,
    ) -> anyhow::Result<Vec<String>> {
        let now = self.versions().await?;
        let all = now.keys().chain(then.keys()).collect::<BTreeSet<_>>();
        Ok(all.into_iter().filter(|name| now.get(*name) != then.get(*name)).cloned().collect())
    }

    /// Does an edit of [`EDITED`] and waits until it is put right: whatever was to be done about what
    /// happened before is done by then, or never.
    pub async fn until_looked_at(&self) -> anyhow::Result<()> {
        let map = EDITED.to_lowercase();
        let data = ["get", &map, "-o=jsonpath={.data}"];
        let right = self.namespace.kubectl(&data).await?;
        let edit = r#"{"data":{"SPIKE_INSTANCE":"somebody/else"}}"#;
        self.namespace.kubectl(&["patch", &map, "-p", edit]).await?;
        until("an edit is put right", async || {
            self.namespace.kubectl(&data).await.is_ok_and(|now| now == right)
        })
        .await;
        Ok(())
    }

    /// Every object that the cluster is made of, and this field of it, as `jsonpath` names it.
    pub async fn children(&self, field: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let each =
            format!("-o=jsonpath={{range .items[*]}}{{.kind}}/{{.metadata.name}} {field}\n{{end}}");
        let part = format!("-l=spike.ist/cluster={NAME}");
        let listed = self.namespace.kubectl(&["get", KINDS, &part, &each]).await?;
        let pairs = listed.lines().filter_map(|line| line.split_once(' '));
        Ok(pairs.map(|(name, field)| (name.to_owned(), field.to_owned())).collect())
    }

    /// What a person would look at: conditions, pods, events, and the last words of who matters.
    pub async fn look(&self) -> String {
        let all = "get spikecluster,deployment,statefulset,job,pod -o wide --ignore-not-found";
        let says =
            "-o=jsonpath={range .status.conditions[*]}{.type}={.status} {.reason}: {.message}\n";
        let mut looks = vec![
            self.kubectl(&all.split(' ').collect::<Vec<_>>()).await,
            self.kubectl(&["get", "spikecluster", NAME, &format!("{says}{{end}}")]).await,
            self.kubectl(&["get", "events", "--sort-by=.lastTimestamp"]).await,
        ];
        let logs = ["logs", "--all-containers", "--prefix", "--ignore-errors", "--tail=15"];
        let spike = ["--max-log-requests=20", "-l", "app.kubernetes.io/name=spike"];
        looks.push(self.kubectl(&[&logs[..], &spike].concat()).await);
        let operator = ["-n", "spike-system", "-l", "app.kubernetes.io/name=spike-operator"];
        let said = self.namespace.administer(&[&logs[..], &operator].concat()).await;
        looks.push(said.unwrap_or_else(|why| why.to_string()));
        looks.join("\n")
    }

    /// A person gets an answer or an error.
    async fn kubectl(&self, arguments: &[&str]) -> String {
        self.namespace.kubectl(arguments).await.unwrap_or_else(|why| why.to_string())
    }
}

/// Installs all of Spike over what is installed, with this image in the place of its own, and waits until
/// its operator runs.
pub async fn install(namespace: &Namespace, image: &str) -> anyhow::Result<()> {
    install_from(INSTALLATION, namespace, image).await
}

async fn install_from(folder: &str, namespace: &Namespace, image: &str) -> anyhow::Result<()> {
    let all = namespace.administer(&["kustomize", folder]).await?;
    ensure!(all.contains(IMAGE), "{folder} doesn't name {IMAGE}");
    let apply = ["apply", "--server-side", "--filename=-"];
    namespace.administer_with(&apply, &all.replace(IMAGE, image)).await?;
    let operator = "rollout status deployment/spike-operator -n spike-system --timeout 180s";
    namespace.administer(&operator.split(' ').collect::<Vec<_>>()).await.map(drop)
}

/// What a cluster says of itself.
pub fn condition<'a>(cluster: &'a SpikeCluster, kind: &str) -> Option<&'a Condition> {
    cluster.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == kind)
}

fn is_settled(cluster: &SpikeCluster) -> bool {
    let says = |kind| condition(cluster, kind).is_some_and(|found| found.status == "True");
    let Some(status) = &cluster.status else { return false };
    status.observed_generation == cluster.metadata.generation
        && says("Ready")
        && !says("Reconciling")
        && !says("Stalled")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_takes_other_fields_and_forgets_some() {
        let patch = json!({ "spec": { "nexus": { "replicas": 2 }, "identity": null } });
        let Manifest(changed) = Manifest::on_sqlite().with(&patch);
        assert_eq!(changed.pointer("/spec/nexus/replicas"), Some(&json!(2)));
        assert_eq!(changed.pointer("/spec/identity"), None);
        assert_eq!(changed.pointer("/spec/trustDomain"), Some(&json!(DOMAIN)));
    }
}
