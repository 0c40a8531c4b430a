//! The real `keeper` program, with identities from a development authority.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use spike_authority::dev::{Authority, AuthorityConfig};
use spike_client::KeeperClient;
use spike_core::{
    ClusterId, Quorum, Roles, SetId, ShareIndex,
    wire::{
        SecretBytes,
        v2::shard::{CommitRequest, Frame, GetRequest, PutAs, PutRequest, Witness},
    },
};
use spike_identity::{Expected, Identity, Source, Wanted};
use spike_seal::Split;
use tempfile::TempDir;
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, Command},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Longer than a start takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const NEXUS: &str = "spike/nexus";
pub const BOOTSTRAP: &str = "spike/bootstrap";

/// A running Keeper of shard 2, killed when dropped.
pub struct Keeper {
    pub authority: Authority,
    pub child: Child,
    pub port: u16,
    pub probes: u16,
    pub dir: TempDir,
    stop: CancellationToken,
}

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keeper"));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

/// Sends SIGTERM.
pub fn signal(child: &Child) {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).expect("it runs");
    let pid = rustix::process::Pid::from_raw(pid).expect("not zero");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("sent");
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

impl Keeper {
    pub async fn start() -> Self {
        spike_identity::install_crypto();
        let dir = tempfile::tempdir().expect("a directory");
        let config = AuthorityConfig::new("spike.ist", dir.path().join("s"));
        let authority = Authority::start(config).await.expect("a root");
        let id = "spiffe://spike.ist/spike/keeper".parse().expect("valid");
        let socket = authority.serve("keeper", id).await.expect("served");
        let (port, probes) = (free_port(), free_port());
        let child = command()
            .env("SPIFFE_ENDPOINT_SOCKET", format!("unix://{}", socket.display()))
            .env("SPIKE_KEEPER_INDEX", "2")
            .env("SPIKE_KEEPER_TLS_PORT", format!("127.0.0.1:{port}"))
            .env("SPIKE_KEEPER_PROBE_PORT", format!("127.0.0.1:{probes}"))
            .env("SPIKE_AUDIT", format!("file:{}", dir.path().join("audit.log").display()))
            .env("SPIKE_AUDIT_SYNC", "os")
            .spawn()
            .expect("the keeper program");
        let stop = CancellationToken::new();
        let keeper = Self { authority, child, port, probes, dir, stop };
        keeper.probe_until("/livez", 200).await;
        keeper
    }

    /// What `path` of the probes answers.
    pub async fn probe(&self, path: &str) -> reqwest::Result<(u16, String)> {
        let answer = reqwest::get(format!("http://127.0.0.1:{}{path}", self.probes)).await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    async fn probe_until(&self, path: &str, status: u16) {
        let until = async {
            while self.probe(path).await.map(|(status, _)| status).ok() != Some(status) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, until).await.expect("it starts in time");
    }

    pub async fn identity(&self, path: &str) -> Identity {
        let name = path.replace('/', "-");
        let id = format!("spiffe://spike.ist/{path}").parse().expect("valid");
        let socket = self.authority.serve(&name, id).await.expect("served");
        let source = Source::WorkloadApi { endpoint: format!("unix://{}", socket.display()) };
        let tracker = TaskTracker::new();
        Identity::start(source, Wanted::any(), self.stop.clone(), &tracker).await.expect("an SVID")
    }

    pub async fn client(&self, path: &str) -> KeeperClient {
        let url = format!("https://127.0.0.1:{}", self.port).parse().expect("a URL");
        let identity = self.identity(path).await;
        KeeperClient::new(&identity, url, &Roles::default(), own_index()).expect("a client")
    }

    /// A client as SPIKE's SDK: HTTP/1.1 without ALPN.
    pub async fn plain(&self, path: &str) -> reqwest::Client {
        let mut tls = self.identity(path).await.client_config(Expected::any());
        tls.alpn_protocols.clear();
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .build()
            .expect("a client")
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    pub fn audit_log(&self) -> PathBuf {
        self.dir.path().join("audit.log")
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn terminate(&mut self) -> (ExitStatus, String) {
        signal(&self.child);
        let status = timeout(PATIENCE, self.child.wait()).await.expect("in time").expect("ended");
        let mut log = String::new();
        let stderr = self.child.stderr.as_mut().expect("piped");
        stderr.read_to_string(&mut log).await.expect("UTF-8");
        (status, log)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub fn own_index() -> ShareIndex {
    ShareIndex::new(2).expect("not zero")
}

const CLUSTER: ClusterId = ClusterId([1; 16]);

/// The set of an epoch, whose shard for this Keeper is `byte` 32 times.
pub fn put(epoch: u32, byte: u8, put_as: PutAs) -> PutRequest {
    let quorum = Quorum::new(3, 2).expect("valid");
    let shard = [byte; 32];
    let split = Split { cluster: CLUSTER, epoch, attempt: 1, quorum };
    let frame = Frame {
        instance: None,
        cluster_id: CLUSTER,
        set_id: set_id(epoch),
        epoch,
        attempt: 1,
        shares: 3,
        threshold: 2,
        index: own_index(),
        digest: split.digest(own_index(), &shard),
    };
    let witness = Witness { ring: epoch.into(), policies: 7 };
    PutRequest { frame, shard: SecretBytes::from(shard.to_vec()), put_as, witness }
}

pub fn set_id(epoch: u32) -> SetId {
    let mut id = [0xAA; 16];
    id[..4].copy_from_slice(&epoch.to_be_bytes());
    SetId(id)
}

pub fn commit(epoch: u32) -> CommitRequest {
    let witness = Witness { ring: epoch.into(), policies: 7 };
    CommitRequest { cluster_id: CLUSTER, set_id: set_id(epoch), epoch, attempt: 1, witness }
}

pub fn get(epoch: u32) -> GetRequest {
    GetRequest { cluster_id: CLUSTER, set_id: set_id(epoch), witness: None }
}
