//! A whole cluster on loopback.

mod options;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::Output,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Context, ensure};
use spike_authority::dev::{Authority, AuthorityConfig};
use spike_client::NexusClient;
use spike_core::{Role, Roles, SpiffeId, TrustRoots};
use spike_identity::{Identity, Source, Wanted};
use tempfile::TempDir;
use tokio::process::Command;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use options::{Options, Postgres, Store};

use crate::{Caller, Program, Server, process::append, program};

/// The trust domain of every test: SPIKE's default, which its SDK can't do without.
const TRUST_DOMAIN: &str = "spike.ist";

/// A running cluster. Dropping it kills what is left of it.
pub struct Cluster {
    /// The Keepers by ordinal.
    pub keepers: Vec<Server>,
    /// The Nexus, or the first of them.
    pub nexus: Server,
    /// The other Nexus.
    pub others: Vec<Server>,
    /// Issues the identities.
    pub authority: Authority,
    options: Options,
    /// How many Keepers each Nexus knows.
    known: usize,
    sockets: BTreeMap<String, PathBuf>,
    tracker: TaskTracker,
    stop: CancellationToken,
    folder: TempDir,
}

impl Cluster {
    /// Makes the schema, starts Keepers, bootstraps, starts each Nexus and waits until it serves.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let mut cluster = Self::prepare(options).await?;
        cluster.expand_schema().await?;
        cluster.start_keepers().await?;
        if cluster.options.store != Store::Memory {
            cluster.bootstrap().await?;
        }
        for nexus in cluster.replicas_mut() {
            nexus.start().await?;
        }
        for nexus in cluster.replicas_mut() {
            nexus.ready().await?;
        }
        Ok(cluster)
    }

    /// Everything made, nothing started but the authority.
    pub async fn prepare(options: Options) -> anyhow::Result<Self> {
        spike_identity::install_crypto();
        let folder = TempDir::with_prefix("spike-")?;
        let mut config = AuthorityConfig::new(TRUST_DOMAIN, folder.path().join("identity"));
        config.svid_ttl = options.svid_ttl;
        let authority = Authority::start(config).await?;
        let log = |name: &str| folder.path().join(format!("{name}.log"));
        let idle = |name, log| Program { name, args: Vec::new(), env: Vec::new(), log };
        let count = match options.store {
            Store::Memory => 0,
            _ => options.shares + options.spare_keepers,
        };
        let keepers = (0..count)
            .map(|i| Server::new(idle("keeper", log(&format!("keeper-{i}")))))
            .collect::<anyhow::Result<_>>()?;
        let nexus = Server::new(idle("nexus", log("nexus")))?;
        let others = (1..options.replicas)
            .map(|i| Server::new(idle("nexus", log(&format!("nexus-{i}")))))
            .collect::<anyhow::Result<_>>()?;
        let mut cluster = Self {
            known: options.shares.into(),
            keepers,
            nexus,
            others,
            authority,
            options,
            sockets: BTreeMap::new(),
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            folder,
        };
        cluster.add_roles().await?;
        cluster.configure()?;
        Ok(cluster)
    }

    /// Starts every Keeper.
    pub async fn start_keepers(&mut self) -> anyhow::Result<()> {
        for keeper in &mut self.keepers {
            keeper.start().await?;
        }
        Ok(())
    }

    /// Runs `nexus store schema expand`, as whoever owns the database, where a schema is someone's
    /// to make.
    pub async fn expand_schema(&self) -> anyhow::Result<()> {
        let Store::Postgres(Postgres { owner, .. }) = &self.options.store else { return Ok(()) };
        let mut env = self.nexus_env(0)?;
        env.push(set("SPIKE_NEXUS_STORE_URL", owner));
        let mut command = Command::new(program("nexus"));
        command.args(["store", "schema", "expand"]).env_clear().envs(env).kill_on_drop(true);
        let out = command.output().await.context("run nexus store schema")?;
        ensure!(out.status.success(), "schema: {}", String::from_utf8_lossy(&out.stderr));
        Ok(())
    }

    /// Runs `nexus bootstrap` and insists on success.
    pub async fn bootstrap(&self) -> anyhow::Result<()> {
        let out = self.run_bootstrap().await?;
        ensure!(out.status.success(), "bootstrap: {}", String::from_utf8_lossy(&out.stderr));
        Ok(())
    }

    /// Runs `nexus bootstrap` as its own process and identity, with an audit file of its own: it
    /// may run beside others. Killed if the caller stops waiting.
    pub async fn run_bootstrap(&self) -> anyhow::Result<Output> {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let audit = self.folder.path().join(format!("bootstrap-{run}.jsonl"));
        let mut env = self.nexus_env(0)?;
        env.push(socket_variable(self.socket("bootstrap")?));
        env.push(set("SPIKE_AUDIT", format!("file:{}", audit.display())));
        let mut command = Command::new(program("nexus"));
        command.arg("bootstrap").env_clear().envs(env).kill_on_drop(true);
        command.output().await.context("run nexus bootstrap")
    }

    /// Adds an identity; its Workload API socket.
    pub async fn add_identity(&mut self, name: &str, id: &str) -> anyhow::Result<PathBuf> {
        let socket = self.authority.serve(name, id.parse::<SpiffeId>()?).await?;
        self.sockets.insert(name.to_owned(), socket.clone());
        Ok(socket)
    }

    /// The Workload API socket of an identity.
    pub fn socket(&self, name: &str) -> anyhow::Result<&PathBuf> {
        self.sockets.get(name).with_context(|| format!("no identity {name}"))
    }

    /// Follows an identity's SVIDs.
    pub async fn identity(&self, name: &str) -> anyhow::Result<Identity> {
        let endpoint = format!("unix://{}", self.socket(name)?.display());
        let source = Source::WorkloadApi { endpoint };
        Ok(Identity::start(source, Wanted::any(), self.stop.clone(), &self.tracker).await?)
    }

    /// Sends raw requests under an identity.
    pub async fn caller(&self, name: &str) -> anyhow::Result<Caller> {
        Caller::new(&self.identity(name).await?)
    }

    /// Where Nexus serves its API.
    pub fn nexus_url(&self) -> String {
        format!("https://localhost:{}", self.nexus.port)
    }

    /// Every Nexus, the first one first.
    pub fn replicas(&self) -> impl Iterator<Item = &Server> {
        std::iter::once(&self.nexus).chain(&self.others)
    }

    /// Every Nexus, to start and stop it.
    pub fn replicas_mut(&mut self) -> impl Iterator<Item = &mut Server> {
        std::iter::once(&mut self.nexus).chain(&mut self.others)
    }

    /// Our own client of each Nexus, under an identity.
    pub async fn clients(&self, name: &str) -> anyhow::Result<Vec<Arc<NexusClient>>> {
        let identity = self.identity(name).await?;
        let root = || vec![TRUST_DOMAIN.to_owned()];
        let (nexus, keeper, bootstrap, pilot) = (root(), root(), root(), root());
        let roots = TrustRoots { nexus, keeper, bootstrap, pilot, lite: root(), operator: root() };
        let roles = Roles { roots, instance: None };
        let client = |replica: &Server| -> anyhow::Result<_> {
            let url = format!("https://localhost:{}", replica.port).parse()?;
            Ok(Arc::new(NexusClient::new(&identity, url, &roles)?))
        };
        self.replicas().map(client).collect()
    }

    /// The Keepers' URLs as Nexus knows them.
    pub fn keeper_peers(&self) -> String {
        let known = self.keepers.iter().take(self.known);
        let urls = known.map(|keeper| format!("https://localhost:{}", keeper.port));
        urls.collect::<Vec<_>>().join(",")
    }

    /// How many Keepers each Nexus knows from its next start on.
    pub fn tell_of_keepers(&mut self, count: usize) -> anyhow::Result<()> {
        self.known = count;
        self.configure()
    }

    /// Runs the `spike` command under an identity.
    pub async fn spike(&self, identity: &str, args: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(program("spike"));
        command.args(args).env_clear().envs([
            socket_variable(self.socket(identity)?),
            ("SPIKE_NEXUS_API_URL".to_owned(), self.nexus_url()),
        ]);
        command.current_dir(self.folder.path()).kill_on_drop(true);
        command.output().await.context("run spike")
    }

    /// [`Cluster::spike`], which has to end with `exit`; returns what it said.
    pub async fn told(&self, identity: &str, args: &[&str], exit: i32) -> String {
        let out = self.spike(identity, args).await.expect("spike runs");
        let said = [out.stdout, out.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert_eq!(out.status.code(), Some(exit), "{identity}: spike {}: {said}", args.join(" "));
        said
    }

    /// The cluster's folder.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Kills all Keepers and every Nexus, as a power cut would.
    pub async fn power_cut(&mut self) -> anyhow::Result<()> {
        for nexus in self.replicas_mut() {
            nexus.kill().await?;
        }
        for keeper in &mut self.keepers {
            keeper.kill().await?;
        }
        Ok(())
    }

    /// A power cut, after which everything starts again: empty Keepers, a sealed Nexus.
    pub async fn lose_power(&mut self) -> anyhow::Result<()> {
        self.power_cut().await?;
        self.start_keepers().await?;
        self.nexus.start().await
    }

    async fn add_roles(&mut self) -> anyhow::Result<()> {
        let instance = self.options.instance.map(|i| format!("/{i}")).unwrap_or_default();
        for (name, role) in [
            ("nexus", Role::Nexus),
            ("bootstrap", Role::Bootstrap),
            ("superuser", Role::Superuser),
            ("recover", Role::Recover),
            ("restore", Role::Restore),
            ("lite", Role::Lite),
        ] {
            self.add_identity(name, &format!("{}{instance}", role.id(TRUST_DOMAIN))).await?;
        }
        // One operator serves all instances.
        self.add_identity("operator", &Role::Operator.id(TRUST_DOMAIN)).await?;
        let keeper = Role::Keeper.id(TRUST_DOMAIN);
        self.add_identity("keeper", &keeper).await?;
        for ordinal in 0..self.keepers.len() {
            let id = if self.options.instance.is_some() {
                format!("{keeper}{instance}/spike-keeper-{ordinal}")
            } else {
                keeper.clone()
            };
            self.add_identity(&format!("keeper-{ordinal}"), &id).await?;
        }
        self.add_identity("workload", "spiffe://spike.ist/workload/other").await?;
        Ok(())
    }

    fn configure(&mut self) -> anyhow::Result<()> {
        let shared = self.shared_env();
        for (ordinal, keeper) in self.keepers.iter_mut().enumerate() {
            let socket = self.sockets.get(&format!("keeper-{ordinal}")).context("no identity")?;
            keeper.program.env.clone_from(&shared);
            keeper.program.env.extend([
                socket_variable(socket),
                set("SPIKE_KEEPER_TLS_PORT", format!("127.0.0.1:{}", keeper.port)),
                set("SPIKE_KEEPER_PROBE_PORT", format!("127.0.0.1:{}", keeper.probes)),
                set("SPIKE_KEEPER_INDEX", (ordinal + 1).to_string()),
            ]);
        }
        let socket = socket_variable(self.socket("nexus")?);
        let envs = (0..=self.others.len()).map(|replica| self.nexus_env(replica));
        let envs = envs.collect::<anyhow::Result<Vec<_>>>()?;
        for (nexus, mut env) in self.replicas_mut().zip(envs) {
            env.push(socket.clone());
            nexus.program.env = env;
            append(&nexus.program.log)?;
        }
        Ok(())
    }

    fn shared_env(&self) -> Vec<(String, String)> {
        let mut env = self.options.env.clone();
        env.extend(self.options.instance.map(|instance| set("SPIKE_INSTANCE", instance)));
        env
    }

    fn nexus_env(&self, replica: usize) -> anyhow::Result<Vec<(String, String)>> {
        let nexus = self.replicas().nth(replica).context("no such Nexus")?;
        let mut env = self.shared_env();
        let audit = match replica {
            0 => "audit.jsonl".to_owned(),
            n => format!("audit-{n}.jsonl"),
        };
        env.extend([
            set("HOSTNAME", format!("nexus-{replica}")),
            set("SPIKE_NEXUS_TLS_PORT", format!("127.0.0.1:{}", nexus.port)),
            set("SPIKE_NEXUS_PROBE_PORT", format!("127.0.0.1:{}", nexus.probes)),
            set("SPIKE_AUDIT", format!("file:{}", self.folder.path().join(audit).display())),
        ]);
        match &self.options.store {
            Store::Memory => {
                env.push(set("SPIKE_NEXUS_BACKEND_STORE", "memory"));
                return Ok(env);
            }
            Store::Sqlite => {
                let database = self.folder.path().join("spike.db");
                let url = format!("sqlite://{}", database.display());
                env.push(set("SPIKE_NEXUS_STORE_URL", url));
            }
            Store::Postgres(postgres) => {
                let own = postgres.urls.get(replica).or(postgres.urls.last());
                env.push(set("SPIKE_NEXUS_STORE_URL", own.context("no URL of the store")?));
                env.extend(postgres.env.iter().cloned());
            }
        }
        env.extend([
            set("SPIKE_NEXUS_KEEPER_PEERS", self.keeper_peers()),
            set("SPIKE_NEXUS_SHAMIR_SHARES", self.options.shares.to_string()),
            set("SPIKE_NEXUS_SHAMIR_THRESHOLD", self.options.threshold.to_string()),
            set("SPIKE_NEXUS_KEEPER_UPDATE_INTERVAL", "1s"),
        ]);
        Ok(env)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop.cancel();
        self.tracker.close();
    }
}

fn set(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

fn socket_variable(socket: &std::path::Path) -> (String, String) {
    set("SPIFFE_ENDPOINT_SOCKET", format!("unix://{}", socket.display()))
}
