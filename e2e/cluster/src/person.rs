//! A person outside the cluster, with an account of people.

use std::process::Output;

use anyhow::ensure;

use crate::{Namespace, demo::NAME};

/// `kubectl spike` under such an account.
pub struct Person<'a> {
    namespace: &'a Namespace,
    role: String,
}

impl<'a> Person<'a> {
    /// Who may do everything with secrets and policies.
    pub async fn superuser(namespace: &'a Namespace) -> anyhow::Result<Self> {
        Self::with_role(namespace, "superuser").await
    }

    /// Who has this role, whose account has to be there.
    pub async fn with_role(namespace: &'a Namespace, role: &str) -> anyhow::Result<Self> {
        namespace.kubectl(&["get", "serviceaccount", &format!("spike-{NAME}-{role}")]).await?;
        Ok(Self { namespace, role: role.to_owned() })
    }

    /// Runs a command of `spike`; however it ends.
    pub async fn spike(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let who = ["--cluster", NAME, "--as-role", &self.role];
        self.namespace.spike(&[&who[..], arguments].concat()).await
    }

    /// The same through this pod, named as `pod/<name>`.
    pub async fn spike_at(&self, nexus: &str, arguments: &[&str]) -> anyhow::Result<Output> {
        let pod = nexus.strip_prefix("pod/").unwrap_or(nexus);
        self.spike(&[&["--pod", pod], arguments].concat()).await
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
