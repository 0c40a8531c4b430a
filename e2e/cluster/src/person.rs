//! A person outside the cluster, with an account of people.

use std::{
    fs,
    path::Path,
    process::{Output, Stdio},
};

use anyhow::ensure;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    Namespace,
    demo::{DOMAIN, NAME},
    program,
};

/// The `spike` command under such an account.
pub struct Person<'a> {
    namespace: &'a Namespace,
    folder: TempDir,
}

impl<'a> Person<'a> {
    /// Who may do everything with secrets and policies.
    pub async fn superuser(namespace: &'a Namespace) -> anyhow::Result<Self> {
        Self::with_role(namespace, "superuser").await
    }

    /// Who has this role: asks Kubernetes for the account's token.
    pub async fn with_role(namespace: &'a Namespace, role: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (account, audience) =
            (format!("spike-{NAME}-{role}"), format!("spike.ist/{}/{NAME}", namespace.name));
        let audience = format!("--audience={audience}");
        let token = ["create", "token", &account, "--duration=10m", &audience];
        let bundle = ["get", "configmap", "spike-authority-bundle"];
        let bundle = [&bundle[..], &["-o", "jsonpath={.data.bundle\\.pem}"]].concat();
        for (file, get) in [("token", &token[..]), ("bundle.pem", &bundle)] {
            fs::write(folder.path().join(file), namespace.kubectl(get).await?)?;
        }
        Ok(Self { namespace, folder })
    }

    /// Runs `spike`; however it ends.
    pub async fn spike(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        self.spike_at(&format!("service/spike-{NAME}-nexus"), arguments).await
    }

    /// The same through this pod.
    pub async fn spike_at(&self, nexus: &str, arguments: &[&str]) -> anyhow::Result<Output> {
        let authority = format!("service/spike-{NAME}-authority");
        let authority = self.namespace.forward(&authority, 8445).await?;
        let nexus = self.namespace.forward(nexus, 8553).await?;
        let at = |port: u16| format!("https://127.0.0.1:{port}");
        let file = |name: &str| text(&self.folder.path().join(name));
        let mut spike = Command::new(program("spike")?);
        spike.env_clear().envs([
            ("SPIKE_IDENTITY", "kubernetes".to_owned()),
            ("SPIKE_IDENTITY_AUTHORITY", at(authority.port)),
            ("SPIKE_IDENTITY_TOKEN_FILE", file("token")),
            ("SPIKE_IDENTITY_BUNDLE_FILE", file("bundle.pem")),
            ("SPIKE_NEXUS_API_URL", at(nexus.port)),
            ("SPIKE_TRUST_ROOT_NEXUS", DOMAIN.to_owned()),
            ("SPIKE_INSTANCE", format!("{}/{NAME}", self.namespace.name)),
        ]);
        Ok(spike.args(arguments).stdin(Stdio::null()).kill_on_drop(true).output().await?)
    }

    /// Runs `spike`, which must succeed; what it prints.
    pub async fn must(&self, arguments: &[&str]) -> anyhow::Result<String> {
        said(&self.spike(arguments).await?, arguments)
    }

    /// Puts a secret with one value.
    pub async fn put(&self, path: &str, value: &str) -> anyhow::Result<()> {
        self.must(&["secret", "put", path, &format!("value={value}")]).await.map(drop)
    }

    /// The value of [`Self::put`].
    pub async fn get(&self, path: &str) -> anyhow::Result<String> {
        self.must(&["secret", "get", path, "value"]).await
    }

    /// The value of [`Self::put`], from this pod.
    pub async fn get_at(&self, nexus: &str, path: &str) -> anyhow::Result<String> {
        let get = ["secret", "get", path, "value"];
        said(&self.spike_at(nexus, &get).await?, &get)
    }
}

fn said(out: &Output, arguments: &[&str]) -> anyhow::Result<String> {
    let error = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "spike {}: {}", arguments.join(" "), error.trim());
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
