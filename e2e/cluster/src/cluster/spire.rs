//! SPIRE on a cluster, for those that ask for it: its server and controller manager beside the control
//! plane; an agent and the SPIFFE CSI driver on each node. On other clusters they are pods.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, ensure};
use serde_json::json;

use super::{ADDRESSES, Cluster};
use crate::{
    control::{ControlPlane, command, path},
    network::CONTROL,
    pki::User,
    process::until,
    registration,
    spire::{AGENTS, Agent, Settings, Workloads},
    tools::Tool,
};

const MANIFEST: &str = include_str!("../../manifests/spire.yaml");

/// Where the server listens for agents.
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(CONTROL), 8081);

/// The folder of a node that its pods get, and the Workload API's socket in it, by the name that
/// `spec.identity.spire.socketPath` has by default.
const SOCKETS: &str = "/run/spire/agent-sockets";
const SOCKET: &str = "/run/spire/agent-sockets/spire-agent.sock";

/// The CSI driver's name, which `spec.identity.spire.csiDriver` has by default.
const DRIVER: &str = "csi.spiffe.io";

/// The controller manager's class as the chart `spire` in namespace `spire-mgmt` makes it: objects
/// without a class are nobody's.
const CLASS: &str = "spire-mgmt-spire";

const PROGRAMS: [Tool; 4] =
    [Tool::SpireServer, Tool::SpireAgent, Tool::SpireControllerManager, Tool::SpiffeCsiDriver];

impl Cluster {
    /// Starts SPIRE, unless it runs: pods get the identities that `ClusterSPIFFEID`s describe.
    pub async fn start_spire(&mut self, trust_domain: &str) -> anyhow::Result<()> {
        if let Some(running) = &self.trust_domain {
            ensure!(running == trust_domain, "SPIRE runs already, for {running}");
            return Ok(());
        }
        // Before anything runs: one that isn't built is told of, and may be built and asked for again.
        for tool in PROGRAMS {
            tool.path()?;
        }
        let folder = self.folder.path().to_owned();
        let authority = Arc::clone(&self.authority);
        let settings =
            Settings { trust_domain, server: SERVER, authority: &authority, folder: &folder };
        let mut server = self.control.spawn("spire-server", &settings.server()?, &folder)?;
        settings.until_serving(&mut server).await?;
        self.processes.push(server);
        self.start_controller_manager(&settings).await?;
        self.apply(MANIFEST).await?;
        for node in &mut self.nodes {
            let workloads = Workloads::Pods(node.address().into());
            let agent = Agent { name: &node.name, socket: Path::new(SOCKET), workloads };
            let agent = settings.agent(&agent).await?;
            node.serve("spire-agent", agent)?;
            let endpoint = node.folder.join("csi.sock");
            let driver = [
                ("node-id", node.name.clone()),
                ("csi-socket-path", path(&endpoint)),
                ("plugin-name", DRIVER.into()),
                ("workload-api-socket-dir", SOCKETS.into()),
            ];
            node.serve("spiffe-csi-driver", command(Tool::SpiffeCsiDriver, &driver)?)?;
            // A kubelet that is told of it earlier gives it up.
            let mut running = node.processes().collect::<Vec<_>>();
            until("the CSI driver listens", &mut running, async || endpoint.exists()).await?;
            let guard = registration::register(DRIVER, &endpoint, &node.kubelet_root())?;
            self.registrations.push(guard);
        }
        self.trust_domain = Some(trust_domain.to_owned());
        Ok(())
    }

    /// The real one, which makes an entry for every pod that a `ClusterSPIFFEID` selects.
    async fn start_controller_manager(&mut self, settings: &Settings<'_>) -> anyhow::Result<()> {
        let manager = Tool::SpireControllerManager.path()?;
        let kinds = manager.parent().context("a file lies in a folder")?.join("crds");
        self.kubectl(&["apply", "--server-side", "-f", &path(&kinds)], "").await?;
        let config = json!({
            "apiVersion": "spire.spiffe.io/v1alpha1",
            "kind": "ControllerManagerConfig",
            "metrics": { "bindAddress": "0" },
            "leaderElection": { "leaderElect": false },
            "clusterName": "spike",
            "className": CLASS,
            "clusterDomain": "cluster.local",
            "trustDomain": settings.trust_domain,
            "ignoreNamespaces": ["kube-system"],
            "spireServerSocketPath": settings.socket(),
            // Its agents are pods of a kind that ours are not.
            "parentIDTemplate": format!("spiffe://{{{{ .TrustDomain }}}}{AGENTS}/{{{{ .NodeMeta.Name }}}}"),
        });
        let file = settings.folder.join("spire-controller-manager.json");
        fs::write(&file, config.to_string())?;
        let plane = ControlPlane {
            addresses: ADDRESSES,
            authority: settings.authority,
            folder: settings.folder,
        };
        let user = User::of("spire-controller-manager", "system:masters");
        let kubeconfig = plane.kubeconfig("spire-controller-manager", user)?;
        // No webhook: it could only be reached as a Service.
        let run = [
            "env".into(),
            format!("KUBECONFIG={kubeconfig}"),
            "ENABLE_WEBHOOKS=false".into(),
            path(&manager),
            "-config".into(),
            path(&file),
        ];
        let process = self.control.spawn("spire-controller-manager", &run, settings.folder)?;
        self.processes.push(process);
        Ok(())
    }
}
