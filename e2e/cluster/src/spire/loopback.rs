//! A SPIRE on loopback, for programs that are no pods.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{AGENTS, Agent, Settings, Workloads};
use crate::{
    api::free_port,
    folder::Folder,
    pki::Authority,
    process::{Process, until},
};

const AGENT: &str = "loopback";

/// spire-server and one spire-agent on loopback, with an authority of their own. They end when this is
/// dropped, and with the process, however it ends.
pub struct Spire {
    trust_domain: String,
    address: SocketAddr,
    authority: Authority,
    // Before the folder: they die before their files go.
    agent: Process,
    _server: Process,
    folder: Folder,
}

impl Spire {
    /// Starts one and waits until its Workload API is there.
    ///
    /// # Errors
    ///
    /// A program that isn't built is named with the command that builds it; one that ends is shown
    /// with the end of its log.
    pub async fn start(trust_domain: &str) -> anyhow::Result<Self> {
        let folder = Folder::new("spire")?;
        let authority = Authority::new(folder.path())?;
        let address = free_port()?;
        let settings = Settings {
            trust_domain,
            server: address,
            authority: &authority,
            folder: folder.path(),
        };
        let mut server = Process::start("spire-server", &settings.server()?, folder.path())?;
        settings.until_serving(&mut server).await?;
        let agent = start_agent(&settings).await?;
        let trust_domain = trust_domain.to_owned();
        Ok(Self { trust_domain, address, authority, agent, _server: server, folder })
    }

    /// The Workload API's socket.
    pub fn socket(&self) -> PathBuf {
        socket(self.folder.path())
    }

    /// Makes an entry: every process of a program's file is `id`. The agent knows it some seconds
    /// later.
    pub async fn register(&self, id: &str, program: &Path) -> anyhow::Result<()> {
        let parent = format!("spiffe://{}{AGENTS}/{AGENT}", self.trust_domain);
        let selector = format!("unix:path:{}", program.display());
        let entry = ["-parentID", &parent, "-spiffeID", id, "-selector", &selector];
        self.administer(&[&["entry", "create"][..], &entry].concat()).await.map(drop)
    }

    /// Runs `spire-server` with a command; what it prints.
    pub async fn administer(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.settings().administer(arguments).await
    }

    /// Kills the agent.
    pub async fn kill_agent(&mut self) -> anyhow::Result<()> {
        self.agent.stop().await
    }

    /// Starts the agent again and waits until its Workload API is there.
    pub async fn start_agent(&mut self) -> anyhow::Result<()> {
        self.agent = start_agent(&self.settings()).await?;
        Ok(())
    }

    fn settings(&self) -> Settings<'_> {
        Settings {
            trust_domain: &self.trust_domain,
            server: self.address,
            authority: &self.authority,
            folder: self.folder.path(),
        }
    }
}

async fn start_agent(settings: &Settings<'_>) -> anyhow::Result<Process> {
    let socket = socket(settings.folder);
    // One that was killed leaves it.
    let _ = std::fs::remove_file(&socket);
    let agent = Agent { name: AGENT, socket: &socket, workloads: Workloads::Processes };
    let mut agent = Process::start("spire-agent", &settings.agent(&agent).await?, settings.folder)?;
    until("SPIRE's agent serves", &mut [&mut agent], async || socket.exists()).await?;
    Ok(agent)
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("workload-api.sock")
}
