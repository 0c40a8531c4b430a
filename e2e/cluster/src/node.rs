//! A node: a machine with containerd, kubelet and kube-proxy.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::{Value, json};

use crate::{
    cgroup,
    control::{ControlPlane, command, path},
    image::PAUSE,
    machine::Machine,
    network::{self, DNS, Place},
    pki::User,
    process::{Process, until},
    tools::Tool,
};

/// Debian's folder of CNI plugins.
pub(crate) const CNI_PLUGINS: &str = "/usr/lib/cni";

/// Its files and arguments, whether it runs or not.
pub(crate) struct Node {
    /// `node-1`, …
    pub(crate) name: String,
    /// Its disk.
    pub(crate) folder: PathBuf,
    place: Place,
    kubelet: Vec<String>,
    proxy: Vec<String>,
    /// Whatever else runs on it, by name.
    services: Vec<(String, Vec<String>)>,
    running: Option<Running>,
}

struct Running {
    machine: Machine,
    processes: Vec<Process>,
}

impl Node {
    /// Writes what the node needs; `run` names its cgroup.
    pub(crate) fn new(control: &ControlPlane<'_>, place: Place, run: &str) -> anyhow::Result<Self> {
        let name = format!("node-{}", place.ordinal);
        let folder = control.folder.join(&name);
        fs::create_dir_all(&folder)?;
        let cgroup = cgroup::create(run, &name)?;
        fs::write(folder.join("containerd.toml"), containerd(&folder))?;
        fs::create_dir_all(folder.join("cni"))?;
        fs::write(folder.join("cni/pods.conflist"), cni(place).to_string())?;
        fs::write(folder.join("resolv.conf"), "")?;
        let kubelet = kubelet(control, &name, place, &folder, &cgroup)?;
        let proxy = proxy(control, &name)?;
        Ok(Self { name, place, folder, kubelet, proxy, services: Vec::new(), running: None })
    }

    /// Switches it on, unless it is, and gives it these images.
    pub(crate) async fn start(
        &mut self,
        control: &Machine,
        images: &[PathBuf],
    ) -> anyhow::Result<()> {
        if self.running.is_some() {
            return Ok(());
        }
        let machine = Machine::start().await?;
        network::plug_in(control, &machine, self.place).await?;
        let config = path(&self.folder.join("containerd.toml"));
        let containerd = ["containerd", "--config", &config].map(String::from);
        let mut containerd = machine.spawn("containerd", &containerd, &self.folder)?;
        let answers = async || machine.run("ctr version").await.is_ok();
        until("containerd answers", &mut [&mut containerd], answers).await?;
        for image in images {
            import(&machine, image).await?;
        }
        let mut processes = vec![containerd];
        let own = [("kubelet", &self.kubelet), ("kube-proxy", &self.proxy)];
        let services = self.services.iter().map(|(name, command)| (name.as_str(), command));
        for (name, command) in services.chain(own) {
            processes.push(machine.spawn(name, command, &self.folder)?);
        }
        self.running = Some(Running { machine, processes });
        Ok(())
    }

    /// Runs one more program on it, now and after every start.
    pub(crate) fn serve(&mut self, name: &str, command: Vec<String>) -> anyhow::Result<()> {
        if let Some(Running { machine, processes }) = &mut self.running {
            processes.push(machine.spawn(name, &command, &self.folder)?);
        }
        self.services.push((name.to_owned(), command));
        Ok(())
    }

    /// Where its kubelet listens.
    pub(crate) fn address(&self) -> Ipv4Addr {
        self.place.address()
    }

    /// What its kubelet calls its root.
    pub(crate) fn kubelet_root(&self) -> PathBuf {
        kubelet_root(&self.folder)
    }

    /// Cuts its power: everything on it is dead, its disk stays.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut running) = self.running.take() {
            running.machine.stop().await?;
            for process in &mut running.processes {
                process.stop().await?;
            }
        }
        Ok(())
    }

    /// Gives it an image.
    pub(crate) async fn import(&self, image: &Path) -> anyhow::Result<()> {
        let running = self.running.as_ref().with_context(|| format!("{} is off", self.name))?;
        import(&running.machine, image).await
    }

    /// Its programs.
    pub(crate) fn processes(&mut self) -> impl Iterator<Item = &mut Process> {
        self.running.iter_mut().flat_map(|running| &mut running.processes)
    }
}

fn kubelet_root(folder: &Path) -> PathBuf {
    folder.join("kubelet")
}

async fn import(machine: &Machine, image: &Path) -> anyhow::Result<()> {
    let script = format!("ctr -n k8s.io images import --all-platforms {}", image.display());
    machine.run(&script).await.map(drop)
}

/// Its state lies in the machine's own `/run` and is gone after a power cut, as on any machine.
fn containerd(folder: &Path) -> String {
    let (root, cni) = (folder.join("containerd"), folder.join("cni"));
    let (root, cni) = (root.display(), cni.display());
    // Raising the chances of a process to be killed is everybody's right, lowering them is not: where
    // that right is missing no sandbox would start.
    format!(
        r#"version = 2
root = "{root}"
state = "/run/containerd"
disabled_plugins = [
    "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[plugins."io.containerd.grpc.v1.cri"]
restrict_oom_score_adj = true
sandbox_image = "{PAUSE}"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{CNI_PLUGINS}"
conf_dir = "{cni}"
"#
    )
}

fn cni(place: Place) -> Value {
    json!({ "cniVersion": "1.0.0", "name": "pods", "plugins": [
        {
            "type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
            "ipam": {
                "type": "host-local", "dataDir": "/run/cni",
                "ranges": [[{ "subnet": place.pods() }]], "routes": [{ "dst": "0.0.0.0/0" }],
            },
        },
        { "type": "portmap", "capabilities": { "portMappings": true } },
    ]})
}

fn kubelet(
    control: &ControlPlane<'_>,
    name: &str,
    place: Place,
    folder: &Path,
    cgroup: &str,
) -> anyhow::Result<Vec<String>> {
    let address = place.address().to_string();
    let issued = control.authority.server(name, &[name.to_owned(), address.clone()])?;
    let (certificate, key) = control.authority.write(name, &issued)?;
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": address,
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": true },
            "x509": { "clientCAFile": control.authority.root() },
        },
        "authorization": { "mode": "Webhook" },
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup,
        "clusterDNS": [DNS],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        // The host's disk and memory are other people's too: nothing is evicted or collected for them.
        "evictionHard": { "memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%" },
        "imageGCHighThresholdPercent": 100,
        "failSwapOn": false,
        "podLogsDir": folder.join("logs"),
        // A changed Secret is in the pods that mount it soon, and not only in a minute.
        "syncFrequency": "5s",
        "resolvConf": folder.join("resolv.conf"),
        "tlsCertFile": certificate,
        "tlsPrivateKeyFile": key,
        "volumePluginDir": folder.join("plugins"),
    });
    let file = folder.join("kubelet.json");
    fs::write(&file, config.to_string())?;
    let user = format!("system:node:{name}");
    command(
        Tool::Kubelet,
        &[
            ("config", path(&file)),
            ("kubeconfig", control.kubeconfig(name, User::of(&user, "system:nodes"))?),
            ("hostname-override", name.to_owned()),
            ("node-ip", address),
            ("root-dir", path(&kubelet_root(folder))),
            ("cert-dir", path(&kubelet_root(folder))),
        ],
    )
}

fn proxy(control: &ControlPlane<'_>, name: &str) -> anyhow::Result<Vec<String>> {
    let user = User::named("system:kube-proxy");
    command(
        Tool::Proxy,
        &[
            ("kubeconfig", control.kubeconfig(&format!("{name}-proxy"), user)?),
            ("hostname-override", name.to_owned()),
            ("proxy-mode", "iptables".into()),
            // These belong to the kernel and not to a namespace: they are left alone.
            ("conntrack-max-per-core", "0".into()),
            ("conntrack-tcp-timeout-established", "0".into()),
            ("conntrack-tcp-timeout-close-wait", "0".into()),
        ],
    )
}
