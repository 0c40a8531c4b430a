//! A cluster on a real PostgreSQL, with a network in between that can be harmed.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use spike_testbed_postgres::{Options as ServerOptions, Replication, Server};

use crate::{
    Cluster, Options, Postgres, Store,
    chaos::{Chaos, Weather},
};

/// Who owns the database and uses it.
const ROLE: &str = "spike";

/// How long the server may take to say how many connections it has. One that is frozen never does.
const PATIENCE: Duration = Duration::from_secs(4);

/// What a stage is made of.
#[derive(Clone, Debug)]
pub struct Scene {
    /// How many Nexus.
    pub replicas: usize,
    /// The most connections that each of them has.
    pub connections: usize,
    /// The server.
    pub server: ServerOptions,
    /// With a synchronous standby, to which the URL leads too.
    pub standby: bool,
    /// More variables for Nexus and the Keepers.
    pub env: Vec<(String, String)>,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            replicas: 2,
            connections: 6,
            server: ServerOptions::default(),
            standby: false,
            // No version is pruned, so that each body can be asked for when all is over.
            env: vec![("SPIKE_NEXUS_MAX_SECRET_VERSIONS".to_owned(), "1000".to_owned())],
        }
    }
}

/// A running cluster, its server, and each Nexus' own network to it.
pub struct Stage {
    /// What is tested.
    pub cluster: Cluster,
    /// The server that takes writes.
    pub server: Server,
    /// What follows it, until it is promoted.
    pub standby: Option<Server>,
    /// Between each Nexus and the server.
    pub networks: Vec<Chaos>,
    scene: Scene,
}

impl Stage {
    /// Starts the server, the network and the cluster.
    pub async fn start(scene: Scene) -> anyhow::Result<Self> {
        let server = Server::start(scene.server.clone()).await.context("start PostgreSQL")?;
        let mut standby = None;
        if scene.standby {
            standby = Some(server.standby(Replication::Synchronous).await.context("a standby")?);
        }
        let mut networks = Vec::new();
        for _ in 0..scene.replicas {
            networks.push(Chaos::start(address(&server)).await?);
        }
        let parameters = format!("?connections={}", scene.connections);
        let hosts = |first: u16| match &standby {
            Some(standby) => format!("localhost:{first},localhost:{}", standby.port()),
            None => format!("localhost:{first}"),
        };
        let url = server.url(ROLE);
        let named = format!("localhost:{}", server.port());
        let through = |network: &Chaos| url.replace(&named, &hosts(network.port())) + &parameters;
        // Both have the same; what belongs to a lost server goes with it.
        let ca = standby.as_ref().unwrap_or(&server).ca_file().display().to_string();
        let store = Postgres {
            urls: networks.iter().map(through).collect(),
            env: vec![("SPIKE_NEXUS_STORE_CA_FILE".to_owned(), ca)],
            owner: url.clone(),
        };
        let options = Options {
            store: Store::Postgres(store),
            replicas: scene.replicas,
            env: scene.env.clone(),
            ..Options::default()
        };
        let cluster = Cluster::start(options).await?;
        Ok(Self { cluster, server, standby, networks, scene })
    }

    /// Changes the weather between every Nexus and the server.
    pub fn weather(&self, weather: Weather) {
        for network in &self.networks {
            network.set(weather);
        }
    }

    /// The most connections that all Nexus may have together.
    pub fn most_connections(&self) -> usize {
        self.scene.replicas * self.scene.connections
    }

    /// How many connections the server has of all Nexus now; `None` if it can't say.
    pub async fn connections(&self) -> Option<usize> {
        let count = format!("SELECT count(*)::text FROM pg_stat_activity WHERE usename = '{ROLE}'");
        let answer = tokio::time::timeout(PATIENCE, self.server.ask(count)).await;
        answer.ok()?.ok()?.parse().ok()
    }

    /// What each Nexus says on its probe port of why it isn't well: codes.
    pub async fn reasons(&self) -> Vec<String> {
        let mut codes = Vec::new();
        for nexus in self.cluster.replicas() {
            let Some((_, status)) = nexus.probe("/statusz").await else { continue };
            let status: serde_json::Value = serde_json::from_str(&status).unwrap_or_default();
            let reasons = status.get("reasons").and_then(|reasons| reasons.as_array());
            let code = |reason: &serde_json::Value| Some(reason.get("code")?.as_str()?.to_owned());
            codes.extend(reasons.into_iter().flatten().filter_map(code));
        }
        codes
    }
}

fn address(server: &Server) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], server.port()))
}
