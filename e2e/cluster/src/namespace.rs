//! What a test on a cluster works in: a namespace of its own, in the cluster that
//! `SPIKE_E2E_KUBECONFIG` names. `spike-kubernetes run` sets it, and so does `scripts/kind.sh`.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use anyhow::{Context, ensure};
use k8s_openapi::api::core::v1::Namespace as Resource;
use kube::{
    Api as Resources, Client, ResourceExt,
    api::{DeleteParams, PostParams},
};
use serde_json::{from_value, json};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::{api::config, image::program};

/// Names the cluster. Not `KUBECONFIG`: a person's own cluster is no place for tests.
pub(crate) const KUBECONFIG: &str = "SPIKE_E2E_KUBECONFIG";

/// A namespace that takes only pods of the restricted profile.
pub struct Namespace {
    /// Its name.
    pub name: String,
    client: Client,
    kubeconfig: PathBuf,
}

impl Namespace {
    /// Creates one whose name begins with `prefix`, and waits until pods can be made in it.
    pub async fn create(prefix: &str) -> anyhow::Result<Self> {
        let kubeconfig = env::var_os(KUBECONFIG).map(PathBuf::from);
        let kubeconfig = kubeconfig.with_context(|| format!("{KUBECONFIG} is not set"))?;
        let client = Client::try_from(config(&kubeconfig).await?)?;
        let wanted: Resource = from_value(json!({ "metadata": {
            "generateName": format!("{prefix}-"),
            "labels": { "pod-security.kubernetes.io/enforce": "restricted" },
        }}))?;
        let namespaces = Resources::<Resource>::all(client.clone());
        let name = namespaces.create(&PostParams::default(), &wanted).await?.name_any();
        let namespace = Self { name, client, kubeconfig };
        namespace.kubectl(&["wait", "--for=create", "serviceaccount/default"]).await?;
        Ok(namespace)
    }

    /// A client of the cluster's administrator.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Applies a manifest of YAML or JSON.
    pub async fn apply(&self, manifest: &str) -> anyhow::Result<()> {
        let apply = ["apply", "--server-side", "--filename=-"];
        self.kubectl_with(&apply, manifest).await.map(drop)
    }

    /// Runs kubectl in the namespace; what it prints.
    pub async fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.kubectl_with(arguments, "").await
    }

    /// The same with this as standard input.
    pub async fn kubectl_with(&self, arguments: &[&str], input: &str) -> anyhow::Result<String> {
        run(self.command(), arguments, input).await
    }

    /// Waits until an object is ready.
    ///
    /// # Errors
    ///
    /// If it doesn't become so in three minutes, with what Kubernetes says of it.
    pub async fn until_ready(&self, object: &str) -> anyhow::Result<()> {
        let wait = ["wait", "--for=condition=Ready", "--timeout=180s", object];
        let Err(error) = self.kubectl(&wait).await else { return Ok(()) };
        let described = self.kubectl(&["describe", object]).await.unwrap_or_default();
        let logs = self.kubectl(&["logs", "--tail=20", object]).await.unwrap_or_default();
        Err(error.context(format!("{object} isn't ready\n{described}\n{logs}")))
    }

    /// Runs `kubectl spike` in the namespace; however it ends.
    pub async fn spike(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut spike = Command::new(program("kubectl-spike")?);
        spike.env_clear().arg("--kubeconfig").arg(&self.kubeconfig);
        spike.args(["--namespace", &self.name]).args(arguments);
        Ok(spike.stdin(Stdio::null()).kill_on_drop(true).output().await?)
    }

    /// Runs kubectl for what lies outside the namespace; what it prints.
    pub async fn administer(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.administer_with(arguments, "").await
    }

    /// The same with this as standard input.
    pub async fn administer_with(&self, arguments: &[&str], input: &str) -> anyhow::Result<String> {
        run(kubectl(&self.kubeconfig), arguments, input).await
    }

    /// Deletes it. A namespace of a test that failed stays, to be looked at.
    pub async fn delete(self) -> anyhow::Result<()> {
        let namespaces = Resources::<Resource>::all(self.client);
        namespaces.delete(&self.name, &DeleteParams::default()).await?;
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = kubectl(&self.kubeconfig);
        command.args(["--namespace", &self.name]);
        command
    }
}

fn kubectl(kubeconfig: &Path) -> Command {
    let mut command = Command::new("kubectl");
    command.arg("--kubeconfig").arg(kubeconfig).kill_on_drop(true);
    command
}

async fn run(mut kubectl: Command, arguments: &[&str], input: &str) -> anyhow::Result<String> {
    let mut child = kubectl
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("run kubectl")?;
    let mut stdin = child.stdin.take().context("its input is piped")?;
    stdin.write_all(input.as_bytes()).await?;
    drop(stdin);
    let out = child.wait_with_output().await?;
    let error = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "kubectl {}: {}", arguments.join(" "), error.trim());
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}
