//! A whole cluster: a control plane and nodes that run pods.

mod spire;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context, ensure};
use k8s_openapi::api::core::v1::Node as NodeResource;
use kube::{Api as Resources, Client, Config, api::ListParams};
use serde_json::json;
use tokio::process::Command;
use tokio_util::sync::DropGuard;

use crate::{
    api::{config, until_controlled, until_ready},
    cgroup,
    control::{Addresses, ControlPlane, NODE_GRACE, path},
    entrance::Entrance,
    folder::Folder,
    image, kubeconfig,
    machine::Machine,
    network::{self, CONTROL, MOST_NODES, Place},
    node::Node,
    pki::{Authority, User},
    process::{Process, until},
    storage,
    tools::Tool,
};

const DNS_IMAGE: &str = "localhost/coredns:1";
const DNS_MANIFEST: &str = include_str!("../manifests/coredns.yaml");

/// Where the control plane listens, on its own machine.
const ADDRESSES: Addresses = Addresses {
    api: SocketAddr::new(IpAddr::V4(CONTROL), 6443),
    etcd: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 2379),
    etcd_peers: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 2380),
};

/// A control plane and its nodes. They end when this is dropped, and with the process, however it
/// ends.
pub struct Cluster {
    kubeconfig: PathBuf,
    nodes: Vec<Node>,
    images: Vec<PathBuf>,
    config: Config,
    authority: Arc<Authority>,
    /// SPIRE's, if it runs, and what tells the kubelets of its driver.
    trust_domain: Option<String>,
    registrations: Vec<DropGuard>,
    // In this order: what runs on a machine ends with it, and files go last.
    control: Machine,
    processes: Vec<Process>,
    _entrance: Entrance,
    folder: Folder,
}

impl Cluster {
    /// Starts a cluster whose nodes have these images, tells of each step, and returns once all nodes
    /// and the names are ready.
    pub async fn start(nodes: u8, images: &[PathBuf]) -> anyhow::Result<Self> {
        ensure!((1..=MOST_NODES).contains(&nodes), "1 to {MOST_NODES} nodes, not {nodes}");
        let progress = Progress(Instant::now());
        let mut cluster = Self::start_control_plane(nodes, images).await?;
        progress.tell("the API server answers");
        for ordinal in 0..cluster.nodes.len() {
            cluster.start_node_at(ordinal).await?;
        }
        progress.tell("containerd, kubelet and kube-proxy run on every node");
        cluster.until_nodes_are_ready().await?;
        progress.tell("all nodes are ready");
        cluster.apply(&cluster.storage()?).await?;
        cluster.apply(DNS_MANIFEST).await?;
        let ready = "rollout status deployment/coredns --namespace kube-system --timeout 180s";
        cluster.kubectl(&ready.split(' ').collect::<Vec<_>>(), "").await?;
        progress.tell("names resolve");
        Ok(cluster)
    }

    /// The administrator's kubeconfig. The server in it is on this machine's loopback.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Where it keeps everything, its programs' logs among it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Cuts a node's power.
    pub async fn kill_node(&mut self, name: &str) -> anyhow::Result<()> {
        self.node(name)?.kill().await
    }

    /// Switches a node on that was killed.
    pub async fn start_node(&mut self, name: &str) -> anyhow::Result<()> {
        let at = self.nodes.iter().position(|node| node.name == name);
        self.start_node_at(at.with_context(|| format!("no node {name}"))?).await
    }

    /// Gives all nodes another image.
    pub async fn import(&mut self, image: &Path) -> anyhow::Result<()> {
        for node in &self.nodes {
            node.import(image).await?;
        }
        self.images.push(image.to_owned());
        Ok(())
    }

    /// Ends it and waits until everything is dead and gone.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for node in &mut self.nodes {
            node.kill().await?;
        }
        self.control.stop().await?;
        for process in &mut self.processes {
            process.stop().await?;
        }
        let own = self.folder.name();
        cgroup::sweep(|run| run != own);
        Ok(())
    }

    async fn start_control_plane(nodes: u8, images: &[PathBuf]) -> anyhow::Result<Self> {
        let folder = Folder::new("cluster")?;
        let authority = Arc::new(Authority::new(folder.path())?);
        let plane =
            ControlPlane { addresses: ADDRESSES, authority: &authority, folder: folder.path() };
        let control = Machine::start().await?;
        network::lay_bridge(&control).await?;
        let entrance = Entrance::open(&control, ADDRESSES.api)?;
        let kubeconfig = folder.path().join("kubeconfig");
        let url = format!("https://{}", entrance.address);
        kubeconfig::write(&kubeconfig, &url, &authority, User::ADMIN)?;
        let config = config(&kubeconfig).await?;
        let processes = run_control_plane(&plane, &control, &config).await?;
        let places = (1..=nodes).map(|ordinal| Place { ordinal, of: nodes });
        let nodes = places.map(|place| Node::new(&plane, place, &folder.name()));
        let nodes = nodes.collect::<anyhow::Result<Vec<_>>>()?;
        let mut images = images.to_vec();
        images.push(image::pause(folder.path())?);
        images.push(image::of_static(DNS_IMAGE, &Tool::CoreDns.path()?, folder.path())?);
        Ok(Self {
            kubeconfig,
            nodes,
            images,
            config,
            authority,
            trust_domain: None,
            registrations: Vec::new(),
            control,
            processes,
            _entrance: entrance,
            folder,
        })
    }

    async fn start_node_at(&mut self, ordinal: usize) -> anyhow::Result<()> {
        let node = self.nodes.get_mut(ordinal).context("a node's ordinal")?;
        node.start(&self.control, &self.images).await
    }

    async fn until_nodes_are_ready(&mut self) -> anyhow::Result<()> {
        let nodes = Resources::<NodeResource>::all(Client::try_from(self.config.clone())?);
        let count = self.nodes.len();
        let ready = async || {
            let listed = nodes.list(&ListParams::default()).await.map(|list| list.items);
            listed.is_ok_and(|nodes| nodes.iter().filter(|node| is_ready(node)).count() == count)
        };
        let mut watched = self.nodes.iter_mut().flat_map(Node::processes).collect::<Vec<_>>();
        until("all nodes are ready", &mut watched, ready).await
    }

    fn storage(&self) -> anyhow::Result<String> {
        let volumes = self.nodes.iter().map(|node| storage::of_node(&node.name, &node.folder));
        let mut items = volumes.collect::<anyhow::Result<Vec<_>>>()?.concat();
        items.push(storage::class());
        Ok(json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string())
    }

    async fn apply(&self, manifest: &str) -> anyhow::Result<()> {
        self.kubectl(&["apply", "--server-side", "-f", "-"], manifest).await
    }

    async fn kubectl(&self, arguments: &[&str], input: &str) -> anyhow::Result<()> {
        let file = self.folder.path().join("input");
        std::fs::write(&file, input)?;
        let out = Command::new(Tool::Kubectl.path()?)
            .args(["--kubeconfig", &path(&self.kubeconfig)])
            .args(arguments)
            .stdin(std::fs::File::open(file)?)
            .kill_on_drop(true)
            .output()
            .await?;
        let error = String::from_utf8_lossy(&out.stderr);
        ensure!(out.status.success(), "kubectl {}: {}", arguments.join(" "), error.trim());
        Ok(())
    }

    /// The folder of the kubectl that fits.
    pub(crate) fn kubectl_folder() -> anyhow::Result<PathBuf> {
        let kubectl = Tool::Kubectl.path()?;
        Ok(kubectl.parent().context("a file lies in a folder")?.to_owned())
    }

    fn node(&mut self, name: &str) -> anyhow::Result<&mut Node> {
        let mut nodes = self.nodes.iter_mut();
        nodes.find(|node| node.name == name).with_context(|| format!("no node {name}"))
    }
}

async fn run_control_plane(
    plane: &ControlPlane<'_>,
    control: &Machine,
    config: &Config,
) -> anyhow::Result<Vec<Process>> {
    let start = |name, command: &[String]| control.spawn(name, command, plane.folder);
    let mut etcd = start("etcd", &plane.etcd()?)?;
    let mut api_server = start("kube-apiserver", &plane.api_server(&plane.for_nodes()?)?)?;
    until_ready(config, &mut [&mut etcd, &mut api_server]).await?;
    let grace = [("node-monitor-grace-period", NODE_GRACE.to_owned())];
    let mut controllers = start("kube-controller-manager", &plane.controller_manager(&grace)?)?;
    until_controlled(config, &mut [&mut etcd, &mut api_server, &mut controllers]).await?;
    let scheduler = start("kube-scheduler", &plane.scheduler()?)?;
    Ok(vec![etcd, api_server, controllers, scheduler])
}

fn is_ready(node: &NodeResource) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Tells a person how far it is.
struct Progress(Instant);

impl Progress {
    fn tell(&self, what: &str) {
        eprintln!("{:6.1} s  {what}", self.0.elapsed().as_secs_f32());
    }
}
