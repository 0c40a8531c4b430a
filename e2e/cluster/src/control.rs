//! The programs of the control plane, and how each is told where the others are.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use crate::{
    kubeconfig,
    pki::{Authority, User},
    tools::Tool,
};

/// Where Services live. The first address is the API server's own.
pub(crate) const SERVICES: &str = "10.96.0.0/16";
const KUBERNETES_SERVICE: &str = "10.96.0.1";

/// How long a node may be silent before its pods count as lost, and how long pods stay on one that
/// is. Kubernetes waits 50 s and 300 s: no test needs that patience.
pub(crate) const NODE_GRACE: &str = "16s";
const POD_GRACE_SECONDS: &str = "5";

/// Where the control plane listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    pub(crate) api: SocketAddr,
    pub(crate) etcd: SocketAddr,
    pub(crate) etcd_peers: SocketAddr,
}

/// A control plane that is configured: what to run, with which arguments.
pub(crate) struct ControlPlane<'a> {
    pub(crate) addresses: Addresses,
    pub(crate) authority: &'a Authority,
    pub(crate) folder: &'a Path,
}

impl ControlPlane<'_> {
    /// The API server's URL.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.addresses.api)
    }

    pub(crate) fn etcd(&self) -> anyhow::Result<Vec<String>> {
        let client = format!("http://{}", self.addresses.etcd);
        let peers = format!("http://{}", self.addresses.etcd_peers);
        let data = self.folder.join("etcd");
        command(
            Tool::Etcd,
            &[
                ("data-dir", path(&data)),
                ("listen-client-urls", client.clone()),
                ("advertise-client-urls", client),
                ("listen-peer-urls", peers.clone()),
                ("initial-advertise-peer-urls", peers.clone()),
                ("initial-cluster", format!("default={peers}")),
                // The data dies with the run.
                ("unsafe-no-fsync", "true".into()),
                ("log-level", "warn".into()),
            ],
        )
    }

    pub(crate) fn api_server(&self, more: &[(&str, String)]) -> anyhow::Result<Vec<String>> {
        let address = self.addresses.api;
        let (certificate, key) = self.serving_certificate(address.ip())?;
        let mut flags = vec![
            ("etcd-servers", format!("http://{}", self.addresses.etcd)),
            ("bind-address", address.ip().to_string()),
            ("secure-port", address.port().to_string()),
            ("tls-cert-file", path(&certificate)),
            ("tls-private-key-file", path(&key)),
            ("client-ca-file", path(&self.authority.root())),
            ("service-account-issuer", "https://kubernetes.default.svc".into()),
            ("service-account-key-file", path(&self.authority.tokens_public_key())),
            ("service-account-signing-key-file", path(&self.authority.tokens_key())),
            ("service-cluster-ip-range", SERVICES.into()),
            ("authorization-mode", "Node,RBAC".into()),
            ("enable-admission-plugins", "NodeRestriction".into()),
            ("allow-privileged", "true".into()),
        ];
        flags.extend_from_slice(more);
        command(Tool::ApiServer, &flags)
    }

    pub(crate) fn controller_manager(
        &self,
        more: &[(&str, String)],
    ) -> anyhow::Result<Vec<String>> {
        let user = User::named("system:kube-controller-manager");
        let mut flags = vec![
            ("kubeconfig", self.kubeconfig("controller-manager", user)?),
            ("service-account-private-key-file", path(&self.authority.tokens_key())),
            ("root-ca-file", path(&self.authority.root())),
            ("use-service-account-credentials", "true".into()),
            ("leader-elect", "false".into()),
            ("secure-port", "0".into()),
        ];
        flags.extend_from_slice(more);
        command(Tool::ControllerManager, &flags)
    }

    pub(crate) fn scheduler(&self) -> anyhow::Result<Vec<String>> {
        let user = User::named("system:kube-scheduler");
        command(
            Tool::Scheduler,
            &[
                ("kubeconfig", self.kubeconfig("scheduler", user)?),
                ("leader-elect", "false".into()),
                ("secure-port", "0".into()),
            ],
        )
    }

    /// What the API server needs to be told where there are nodes.
    pub(crate) fn for_nodes(&self) -> anyhow::Result<Vec<(&'static str, String)>> {
        let user = User::of("kube-apiserver-kubelet-client", "system:masters");
        let issued = self.authority.client(user)?;
        let (certificate, key) = self.authority.write("kubelet-client", &issued)?;
        Ok(vec![
            ("advertise-address", self.addresses.api.ip().to_string()),
            ("kubelet-preferred-address-types", "InternalIP".into()),
            ("kubelet-certificate-authority", path(&self.authority.root())),
            ("kubelet-client-certificate", path(&certificate)),
            ("kubelet-client-key", path(&key)),
            ("default-not-ready-toleration-seconds", POD_GRACE_SECONDS.into()),
            ("default-unreachable-toleration-seconds", POD_GRACE_SECONDS.into()),
        ])
    }

    /// Writes `<name>.kubeconfig` for a component; its path.
    pub(crate) fn kubeconfig(&self, name: &str, user: User<'_>) -> anyhow::Result<String> {
        let file = self.folder.join(format!("{name}.kubeconfig"));
        kubeconfig::write(&file, &self.url(), self.authority, user)?;
        Ok(path(&file))
    }

    fn serving_certificate(&self, address: IpAddr) -> anyhow::Result<(PathBuf, PathBuf)> {
        let kubernetes = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"];
        let mut names = kubernetes.map(String::from).to_vec();
        names.extend([KUBERNETES_SERVICE, "127.0.0.1", "localhost"].map(String::from));
        names.push(address.to_string());
        let issued = self.authority.server("kube-apiserver", &names)?;
        self.authority.write("kube-apiserver", &issued)
    }
}

/// A tool with its flags.
pub(crate) fn command(tool: Tool, flags: &[(&str, String)]) -> anyhow::Result<Vec<String>> {
    let flags = flags.iter().map(|(name, value)| format!("--{name}={value}"));
    Ok([path(&tool.path()?)].into_iter().chain(flags).collect())
}

/// A path as an argument. Ours are text: they lie in the run's folder or in the user's cache.
pub(crate) fn path(path: &Path) -> String {
    path.display().to_string()
}
