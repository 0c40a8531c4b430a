//! Clients inside the cluster, that put and get secrets through Nexus's Service as any workload would,
//! and know afterwards what they were promised.
//!
//! They run in a pod of their own, so that what is tested is the way that requests really go:
//! a Service's name, its endpoints, a connection that a draining replica closes.

mod client;
mod generator;

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spike_crds::names::port;
use tokio::time::{Instant, sleep};

use crate::{
    Namespace, Person,
    demo::{DOMAIN, NAME},
    process::{LOOK, PATIENCE},
};

pub use generator::run as generate;

/// The generator's image.
pub(crate) const IMAGE: &str = "localhost/load:1";

/// The generator's program.
pub(crate) const PROGRAM: &str = "spike-load";

/// The pod, its account and the first segment of its paths.
const LOAD: &str = "load";

/// Where the generator is asked.
const PORT: u16 = 8080;

/// What clients met.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// How many requests were answered.
    pub answered: u64,
    /// How many of them only after they were sent again.
    pub repeated: u64,
    /// Requests that nobody answered however often they were sent, by why. None should ever be.
    pub failed: BTreeMap<String, u64>,
    /// Why requests were sent again.
    pub met: BTreeMap<String, u64>,
    /// The longest that anybody waited for an answer.
    pub slowest: Duration,
    /// Promises that were broken, in words. None may ever be.
    pub broken: Vec<String>,
}

impl Report {
    /// True if every request was answered, and as it should be.
    pub fn is_clean(&self) -> bool {
        self.answered > 0 && self.failed.is_empty() && self.broken.is_empty()
    }
}

/// The pod.
pub struct Load<'a> {
    namespace: &'a Namespace,
}

impl<'a> Load<'a> {
    /// Lets it in, starts it, on this node if one is named, and waits until it is answered.
    pub async fn start(namespace: &'a Namespace, node: Option<&str>) -> anyhow::Result<Self> {
        let superuser = Person::superuser(namespace).await?;
        let domain = DOMAIN.replace('.', "\\.");
        let account = format!("^spiffe://{domain}/ns/{}/sa/{LOAD}$", namespace.name);
        let path = format!("^{LOAD}/.*$");
        let policy = ["policy", "apply", "--name", LOAD, "--permissions", "read,write"];
        let patterns = ["--path-pattern", &path, "--spiffeid-pattern", &account];
        superuser.must(&[&policy[..], &patterns].concat()).await?;
        namespace.apply(&pod(namespace, node).to_string()).await?;
        namespace.until_ready(&format!("pod/{LOAD}")).await?;
        Ok(Self { namespace })
    }

    /// How many requests were answered so far.
    pub async fn answered(&self) -> anyhow::Result<u64> {
        self.ask("answered").await
    }

    /// Waits until so many more requests were answered.
    pub async fn until_answered(&self, more: u64) -> anyhow::Result<()> {
        let (wanted, end) = (self.answered().await? + more, Instant::now() + PATIENCE);
        while self.answered().await? < wanted {
            anyhow::ensure!(Instant::now() < end, "{more} more requests weren't answered");
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Stops the clients; what they met.
    pub async fn stop(&self) -> anyhow::Result<Report> {
        self.ask("stop").await
    }

    /// Reads all that was acknowledged; what is missing, in words. Only after [`Self::stop`].
    pub async fn check(&self) -> anyhow::Result<Vec<String>> {
        self.ask("check").await
    }

    async fn ask<T: for<'de> Deserialize<'de>>(&self, what: &str) -> anyhow::Result<T> {
        let pod = format!("/api/v1/namespaces/{}/pods/{LOAD}:{PORT}", self.namespace.name);
        let said =
            self.namespace.kubectl(&["get", "--raw", &format!("{pod}/proxy/{what}")]).await?;
        serde_json::from_str(&said).with_context(|| format!("read {said:?}"))
    }
}

/// A workload as a user would write it.
fn pod(namespace: &Namespace, node: Option<&str>) -> Value {
    let sources = json!([
        { "serviceAccountToken": {
            "audience": format!("spike.ist/{}/{NAME}", namespace.name),
            "expirationSeconds": 3600, "path": "token",
        }},
        { "configMap": {
            "name": "spike-authority-bundle",
            "items": [{ "key": "bundle.pem", "path": "bundle.pem" }],
        }},
    ]);
    let (home, port) = (&namespace.name, port::AUTHORITY);
    let authority = format!("https://spike-{NAME}-authority.{home}.svc:{port}");
    let var = |name: &str, value: &str| json!({ "name": name, "value": value });
    let mut spec = json!({
        "serviceAccountName": LOAD,
        "automountServiceAccountToken": false,
        "terminationGracePeriodSeconds": 1,
        "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
        "volumes": [{ "name": "identity", "projected": { "sources": sources } }],
        "containers": [{
            "name": LOAD, "image": IMAGE, "imagePullPolicy": "Never", "command": [PROGRAM],
            "envFrom": [{ "configMapRef": { "name": format!("spike-{NAME}-config") } }],
            "env": [
                var("SPIKE_IDENTITY", "kubernetes"),
                var("SPIKE_IDENTITY_AUTHORITY", &authority),
                var("SPIKE_IDENTITY_TOKEN_FILE", "/identity/token"),
                var("SPIKE_IDENTITY_BUNDLE_FILE", "/identity/bundle.pem"),
            ],
            "volumeMounts": [{ "name": "identity", "mountPath": "/identity", "readOnly": true }],
            "readinessProbe": {
                "httpGet": { "path": "/ready", "port": PORT }, "periodSeconds": 1,
            },
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            },
        }],
    });
    if let (Some(node), Some(spec)) = (node, spec.as_object_mut()) {
        spec.insert("nodeSelector".to_owned(), json!({ "kubernetes.io/hostname": node }));
    }
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": LOAD } },
        { "apiVersion": "v1", "kind": "Pod", "metadata": { "name": LOAD }, "spec": spec },
    ]})
}
