//! An API server that no pod needs.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU16, Ordering},
};

use anyhow::{Context, bail};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;

use crate::{
    control::{Addresses, ControlPlane, path},
    folder::Folder,
    kubeconfig,
    pki::{Authority, User},
    process::{Process, until},
};

/// etcd, kube-apiserver and kube-controller-manager on free loopback ports, with an authority of
/// their own. They end when this is dropped, and with the process, however it ends.
///
/// There is no kubelet and no scheduler: a Deployment makes its `ReplicaSet` and that its pods,
/// which stay pending.
pub struct Api {
    kubeconfig: PathBuf,
    config: Config,
    authority: Authority,
    url: String,
    // Before the folder: they die before their files go.
    processes: Vec<Process>,
    folder: Folder,
}

/// The file of the audit, in the run's folder.
const AUDIT: &str = "audit.log";

impl Api {
    /// Starts one and waits until it serves, and until controllers act.
    ///
    /// # Errors
    ///
    /// A program that isn't built is named with the command that builds it; one that ends is shown
    /// with the end of its log.
    pub async fn start() -> anyhow::Result<Self> {
        Self::with(Folder::new("api")?, &[]).await
    }

    /// The same, and each request of `user` is a line of JSON in [`Api::audit`].
    ///
    /// # Errors
    ///
    /// As [`Api::start`].
    pub async fn audited(user: &str) -> anyhow::Result<Self> {
        let folder = Folder::new("api")?;
        let policy = folder.path().join("audit.yaml");
        let rules = json!({
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [{ "level": "Metadata", "users": [user] }, { "level": "None" }],
        });
        fs::write(&policy, rules.to_string())?;
        let log = folder.path().join(AUDIT);
        let flags = [("audit-policy-file", path(&policy)), ("audit-log-path", path(&log))];
        Self::with(folder, &flags).await
    }

    async fn with(folder: Folder, more: &[(&str, String)]) -> anyhow::Result<Self> {
        let authority = Authority::new(folder.path())?;
        let addresses =
            Addresses { api: free_port()?, etcd: free_port()?, etcd_peers: free_port()? };
        let control = ControlPlane { addresses, authority: &authority, folder: folder.path() };
        // Nothing ever calls the `kubernetes` Service here, and a loopback address can't be its end.
        let mut flags = vec![("endpoint-reconciler-type", "none".into())];
        flags.extend_from_slice(more);
        let api_server = control.api_server(&flags)?;
        let start = |name, command: &[String]| Process::start(name, command, folder.path());
        let mut processes =
            vec![start("etcd", &control.etcd()?)?, start("kube-apiserver", &api_server)?];
        let kubeconfig = folder.path().join("kubeconfig");
        kubeconfig::write(&kubeconfig, &control.url(), &authority, User::ADMIN)?;
        let config = config(&kubeconfig).await?;
        until_ready(&config, &mut processes.iter_mut().collect::<Vec<_>>()).await?;
        // Its own pace, of twenty requests a second, would be what thousands of objects wait for.
        let pace = [("kube-api-qps", "500".into()), ("kube-api-burst", "1000".into())];
        processes.push(start("kube-controller-manager", &control.controller_manager(&pace)?)?);
        until_controlled(&config, &mut processes.iter_mut().collect::<Vec<_>>()).await?;
        let url = control.url();
        Ok(Self { kubeconfig, config, authority, url, processes, folder })
    }

    /// Ends it and waits until its programs are dead; dropping it doesn't wait.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for process in &mut self.processes {
            process.stop().await?;
        }
        Ok(())
    }

    /// The cluster administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The kubeconfig of a user in no group, who has the rights that RBAC gives them.
    pub fn kubeconfig_of(&self, user: &str) -> anyhow::Result<PathBuf> {
        let file = self.folder.path().join(format!("{}.kubeconfig", user.replace(':', "-")));
        kubeconfig::write(&file, &self.url, &self.authority, User::named(user))?;
        Ok(file)
    }

    /// Where the requests of an [audited](Api::audited) user are, once there was one.
    pub fn audit(&self) -> PathBuf {
        self.folder.path().join(AUDIT)
    }

    /// The cluster administrator's client configuration.
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// A client with all rights. Make it in the test that uses it: it lives in that test's runtime.
    pub fn client(&self) -> anyhow::Result<Client> {
        Ok(Client::try_from(self.config())?)
    }

    /// A client that is this user in these groups, and has the rights that RBAC gives them.
    pub fn client_as(&self, user: &str, groups: &[&str]) -> anyhow::Result<Client> {
        let mut config = self.config();
        config.auth_info.impersonate = Some(user.to_owned());
        config.auth_info.impersonate_groups =
            Some(groups.iter().map(ToString::to_string).collect());
        Ok(Client::try_from(config)?)
    }
}

/// Reads a kubeconfig.
pub(crate) async fn config(kubeconfig: &Path) -> anyhow::Result<Config> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let options = KubeConfigOptions::default();
    Config::from_custom_kubeconfig(kubeconfig, &options).await.context("read a kubeconfig")
}

/// Waits until the API server says that it is ready.
pub(crate) async fn until_ready(
    config: &Config,
    processes: &mut [&mut Process],
) -> anyhow::Result<()> {
    let client = Client::try_from(config.clone())?;
    let ready = async || {
        let request = http::Request::get("/readyz").body(Vec::new()).expect("a constant");
        client.request_text(request).await.is_ok()
    };
    until("the API server is ready", processes, ready).await
}

/// Waits until controllers act: pods of the default namespace can be created from then on.
pub(crate) async fn until_controlled(
    config: &Config,
    processes: &mut [&mut Process],
) -> anyhow::Result<()> {
    let client = Client::try_from(config.clone())?;
    let accounts = kube::Api::<ServiceAccount>::default_namespaced(client);
    let there = async || accounts.get("default").await.is_ok();
    until("the default ServiceAccount is there", processes, there).await
}

/// A loopback port that nobody listens on. Each is given out once, and all lie below the range that
/// the system takes for outgoing connections, so that nothing else gets it before the server does.
pub(crate) fn free_port() -> anyhow::Result<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 22_000;
    const PORTS: u16 = 10_000;
    let own = u16::try_from(std::process::id() % 500)? * 20;
    for _ in 0..PORTS {
        let port = FIRST + (own + NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok((Ipv4Addr::LOCALHOST, port).into());
        }
    }
    bail!("no free port from {FIRST} on")
}
