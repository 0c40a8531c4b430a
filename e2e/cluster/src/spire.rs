//! SPIRE: spire-server and spire-agent, configured. Each agent is known to the server by a certificate
//! of the run's authority, and knows its workloads by their files or by their pods.

mod loopback;

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::Output,
};

use anyhow::{Context, ensure};
use tokio::process::Command;

pub use loopback::Spire;

use crate::{
    control::path,
    pki::{Authority, User},
    process::{Process, until},
    tools::Tool,
};

/// How long a workload's SVID lives unless its entry says otherwise. It is renewed after half of that,
/// so that a test sees it happen.
const SVID_LIFE: &str = "1m";

/// The IDs of agents, as the server makes them of their certificates.
pub(crate) const AGENTS: &str = "/spire/agent/x509pop";

/// A SPIRE of one trust domain.
pub(crate) struct Settings<'a> {
    pub(crate) trust_domain: &'a str,
    /// Where the server listens for agents.
    pub(crate) server: SocketAddr,
    pub(crate) authority: &'a Authority,
    pub(crate) folder: &'a Path,
}

/// An agent.
pub(crate) struct Agent<'a> {
    pub(crate) name: &'a str,
    /// Its Workload API.
    pub(crate) socket: &'a Path,
    pub(crate) workloads: Workloads,
}

/// How an agent knows who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Workloads {
    /// By its user and its program's file.
    Processes,
    /// By its pod, which the kubelet at this address knows.
    Pods(IpAddr),
}

impl Settings<'_> {
    /// The server's own socket, by which it is administered.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("spire-server.sock")
    }

    /// Writes the server's configuration; its command.
    pub(crate) fn server(&self) -> anyhow::Result<Vec<String>> {
        let data = self.folder.join("spire-server");
        fs::create_dir_all(&data)?;
        let text = format!(
            r#"server {{
    bind_address = "{}"
    bind_port = {}
    socket_path = "{}"
    trust_domain = "{}"
    data_dir = "{data}"
    log_level = "INFO"
    agent_ttl = "1h"
    default_x509_svid_ttl = "{SVID_LIFE}"
}}
plugins {{
    DataStore "sql" {{
        plugin_data {{
            database_type = "sqlite3"
            connection_string = "{data}/datastore.sqlite3"
        }}
    }}
    KeyManager "memory" {{ plugin_data {{}} }}
    NodeAttestor "x509pop" {{
        plugin_data {{
            ca_bundle_path = "{}"
            agent_path_template = "/x509pop/{{{{ .Subject.CommonName }}}}"
        }}
    }}
}}
"#,
            self.server.ip(),
            self.server.port(),
            self.socket().display(),
            self.trust_domain,
            self.authority.root().display(),
            data = data.display(),
        );
        self.command(Tool::SpireServer, "spire-server", &text)
    }

    /// Writes an agent's configuration; its command. The server runs already.
    pub(crate) async fn agent(&self, agent: &Agent<'_>) -> anyhow::Result<Vec<String>> {
        let Agent { name, socket, workloads } = agent;
        let bundle = self.folder.join("spire-bundle.pem");
        fs::write(&bundle, &self.administer(&["bundle", "show"]).await?)?;
        let data = self.folder.join(format!("spire-agent-{name}"));
        fs::create_dir_all(&data)?;
        // The same certificate opens the kubelet's port.
        let issued = self.authority.client(User::of(name, "system:masters"))?;
        let (certificate, key) = self.authority.write(&format!("spire-agent-{name}"), &issued)?;
        let text = format!(
            r#"agent {{
    data_dir = "{}"
    log_level = "INFO"
    server_address = "{}"
    server_port = {}
    socket_path = "{}"
    trust_bundle_path = "{}"
    trust_domain = "{}"
}}
plugins {{
    KeyManager "memory" {{ plugin_data {{}} }}
    NodeAttestor "x509pop" {{
        plugin_data {{
            certificate_path = "{certificate}"
            private_key_path = "{key}"
        }}
    }}
{}}}
"#,
            data.display(),
            self.server.ip(),
            self.server.port(),
            socket.display(),
            bundle.display(),
            self.trust_domain,
            self.attestor(*workloads, &certificate, &key),
            certificate = certificate.display(),
            key = key.display(),
        );
        self.command(Tool::SpireAgent, &format!("spire-agent-{name}"), &text)
    }

    /// Waits until the server takes commands.
    pub(crate) async fn until_serving(&self, server: &mut Process) -> anyhow::Result<()> {
        let healthy = async || self.administer(&["healthcheck"]).await.is_ok();
        until("SPIRE's server is well", &mut [server], healthy).await
    }

    /// Runs `spire-server` with a command; what it prints.
    pub(crate) async fn administer(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut server = Command::new(Tool::SpireServer.path()?);
        let socket = self.socket();
        server.args(arguments).arg("-socketPath").arg(socket).kill_on_drop(true);
        let Output { status, stdout, stderr } =
            server.output().await.context("run spire-server")?;
        let said = [&stdout[..], &stderr].concat();
        let said = String::from_utf8_lossy(&said);
        ensure!(status.success(), "spire-server {}: {}", arguments.join(" "), said.trim());
        Ok(String::from_utf8_lossy(&stdout).into_owned())
    }

    fn attestor(&self, workloads: Workloads, certificate: &Path, key: &Path) -> String {
        match workloads {
            Workloads::Processes => r#"    WorkloadAttestor "unix" {
        plugin_data { discover_workload_path = true }
    }
"#
            .to_owned(),
            // To SPIRE a node's name is where its kubelet is.
            Workloads::Pods(kubelet) => format!(
                r#"    WorkloadAttestor "k8s" {{
        plugin_data {{
            node_name = "{kubelet}"
            kubelet_ca_path = "{}"
            certificate_path = "{}"
            private_key_path = "{}"
        }}
    }}
"#,
                self.authority.root().display(),
                certificate.display(),
                key.display(),
            ),
        }
    }

    fn command(&self, tool: Tool, name: &str, text: &str) -> anyhow::Result<Vec<String>> {
        let file = self.folder.join(format!("{name}.conf"));
        fs::write(&file, text)?;
        Ok([path(&tool.path()?), "run".into(), "-config".into(), path(&file)].to_vec())
    }
}
