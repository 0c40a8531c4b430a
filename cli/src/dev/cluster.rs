//! A running cluster: its programs, its identities, and what it answers when it is asked.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use spike_authority::dev::{Authority, AuthorityError};
use spike_client::NexusClient;
use spike_core::{Roles, SpiffeId, TrustRoots};
use spike_crds::validate::StoreKind;
use spike_identity::{Identity, Source, Wanted};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::Mutex,
    time::timeout,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    checks,
    control::{self, ProgramStatus, Refusal, Request, Response, Served, Status},
    custody::Custody,
    home::{self, Home},
    plan::{Kind, Plan},
    probe::{self, Answer},
    supervise::Supervised,
};
use crate::error::CliError;

/// How long a client of the control socket may take to ask.
const ASKING: Duration = Duration::from_secs(5);

/// A running cluster.
pub(super) struct Cluster {
    pub(super) plan: Plan,
    pub(super) home: Home,
    pub(super) programs: Vec<Supervised>,
    pub(super) started: AtomicBool,
    /// Nexus waits for recovery shards that only people have.
    pub(super) sealed: AtomicBool,
    pub(super) custody: Custody,
    /// There was or may have been a store before this run, and with it most likely a root key.
    pub(super) had_data: bool,
    /// Cancelled by whoever wants the cluster to stop.
    pub(super) asked: CancellationToken,
    /// Cancelled when its programs are to.
    pub(super) stop: CancellationToken,
    authority: Authority,
    /// Identities by name. A lock over an await: adding one is one step, file and socket.
    people: Mutex<BTreeMap<String, SpiffeId>>,
}

/// A client of Nexus under one of the cluster's identities.
pub(super) struct Client {
    pub(super) nexus: NexusClient,
    _stop: DropGuard,
}

impl Cluster {
    /// Serves every identity; starts no program.
    pub(super) async fn prepare(
        plan: Plan,
        home: Home,
        authority: Authority,
        asked: CancellationToken,
    ) -> Result<Self, CliError> {
        let parts = plan.programs.iter().chain(&plan.schema).chain(&plan.bootstrap);
        for (name, id) in parts.map(|program| (&program.name, &program.id)) {
            authority.serve(name, id.clone()).await.map_err(no_identity)?;
        }
        let mut people: BTreeMap<_, _> = plan.people.iter().cloned().collect();
        people.extend(added(&home)?);
        for (name, id) in &people {
            authority.serve(name, id.clone()).await.map_err(no_identity)?;
        }
        let programs = plan.programs.iter().cloned().map(Supervised::new).collect();
        let people = Mutex::new(people);
        let (started, sealed) = (AtomicBool::new(false), AtomicBool::new(false));
        // A server outlives every directory: whether it has data shows only when it is asked.
        let had_data = home.database().exists() || plan.cluster.store == StoreKind::Postgres;
        Ok(Self {
            plan,
            home,
            programs,
            started,
            sealed,
            custody: Custody::default(),
            had_data,
            asked,
            stop: CancellationToken::new(),
            authority,
            people,
        })
    }

    /// A client under the identity of that name.
    pub(super) async fn client(&self, name: &str) -> Result<Client, CliError> {
        let endpoint = format!("unix://{}", self.home.socket_of(name).display());
        let stop = CancellationToken::new();
        let source = Source::WorkloadApi { endpoint };
        let tracker = TaskTracker::new();
        let identity = Identity::start(source, Wanted::any(), stop.clone(), &tracker).await;
        let identity = identity.map_err(no_identity)?;
        let nexus = self.plan.of(Kind::Nexus).next().expect("every plan has a Nexus");
        let url = nexus.url().parse().expect("an address of ours");
        let nexus = NexusClient::new(&identity, url, &self.roles()).map_err(no_identity)?;
        Ok(Client { nexus, _stop: stop.drop_guard() })
    }

    /// Among how many Keepers the root key is split, if Nexus tells.
    pub(super) async fn shares(&self) -> Option<u8> {
        let told = async {
            let status = self.client("superuser").await.ok()?.nexus.status().await.ok()?;
            Some(status.keys?.shares)
        };
        timeout(ASKING, told).await.ok().flatten()
    }

    fn roles(&self) -> Roles {
        let root = || vec![self.plan.cluster.trust_domain.clone()];
        let (nexus, keeper, bootstrap, pilot) = (root(), root(), root(), root());
        let roots = TrustRoots { nexus, keeper, bootstrap, pilot, lite: root(), operator: root() };
        Roles { roots, instance: None }
    }

    /// Answers requests until the cluster stops.
    pub(super) async fn answer_requests(&self, listener: UnixListener) {
        while let Some(accepted) = self.stop.run_until_cancelled(listener.accept()).await {
            if let Ok((stream, _)) = accepted {
                // One at a time: whoever asks is one person. A mute caller costs ASKING.
                self.answer_one(stream).await;
            }
        }
    }

    async fn answer_one(&self, mut stream: UnixStream) {
        let Ok(Ok(request)) = timeout(ASKING, control::read_request(&mut stream)).await else {
            return;
        };
        let stops = request == Request::Stop;
        let response = match request {
            Request::Status => Response::Status(Box::new(self.status().await)),
            Request::Stop => Response::Done,
            Request::AddIdentity { name, id } => said(self.add_identity(&name, &id).await),
            Request::RemoveIdentity { name } => said(self.remove_identity(&name).await),
        };
        // A caller that has gone needs no answer, but what it asked for is done.
        let _ = timeout(ASKING, control::answer(&mut stream, &response)).await;
        if stops {
            self.asked.cancel();
        }
    }

    async fn status(&self) -> Status {
        let programs = self.programs.iter().map(status_of);
        let mut programs = futures::future::join_all(programs).await;
        if programs.iter().any(|program| program.shard.is_some() && !program.ready) {
            let shares = self.shares().await;
            for (program, known) in programs.iter_mut().zip(&self.programs) {
                program.spare =
                    !program.ready && program.pid.is_some() && known.program.is_spare(shares);
            }
        }
        let people = self.people.lock().await;
        let served = people.iter().map(|(name, id)| Served::new(&self.home, name, id));
        let environment =
            self.plan.client_env().into_iter().map(|(name, value)| (name.to_owned(), value));
        Status {
            name: self.plan.cluster.name.clone(),
            pid: std::process::id(),
            dir: self.home.root().display().to_string(),
            trust_domain: self.plan.cluster.trust_domain.clone(),
            started: self.started.load(Relaxed),
            sealed: self.sealed.load(Relaxed),
            programs,
            identities: served.collect(),
            environment: environment.collect(),
        }
    }

    async fn add_identity(&self, name: &str, id: &str) -> Result<(), (Refusal, String)> {
        let id: SpiffeId = id.parse().map_err(|error| wrong(format!("{id}: {error}")))?;
        let mut people = self.people.lock().await;
        match people.get(name) {
            Some(served) if *served == id => return Ok(()),
            Some(served) => return Err((Refusal::Taken, format!("{name} is {served} already"))),
            None => {}
        }
        self.authority.serve(name, id.clone()).await.map_err(|error| match error {
            AuthorityError::Taken(_) => (Refusal::Taken, error.to_string()),
            error => wrong(error),
        })?;
        people.insert(name.to_owned(), id);
        self.keep_added(&people).map_err(wrong)
    }

    async fn remove_identity(&self, name: &str) -> Result<(), (Refusal, String)> {
        let mut people = self.people.lock().await;
        if self.plan.people.iter().any(|(own, _)| own == name) {
            return Err((Refusal::Taken, format!("{name} belongs to the cluster")));
        }
        if people.remove(name).is_none() {
            return Err((Refusal::Missing, format!("there is no identity {name:?}")));
        }
        self.authority.remove(name).await;
        self.keep_added(&people).map_err(wrong)
    }

    /// Remembers added identities for the next start.
    fn keep_added(&self, people: &BTreeMap<String, SpiffeId>) -> Result<(), CliError> {
        let own = |name: &String| self.plan.people.iter().any(|(own, _)| own == name);
        let added = people.iter().filter(|(name, _)| !own(name));
        let added: BTreeMap<_, _> = added.map(|(name, id)| (name, id.as_str())).collect();
        let text = serde_json::to_vec_pretty(&added).expect("a map of texts is JSON");
        home::replace(&self.home.added_identities(), &text)
    }

    /// Takes the sockets away.
    pub(super) async fn close(&self) {
        self.authority.stop().await;
        // What is left is replaced at the next start.
        let _ = std::fs::remove_file(self.home.control());
    }
}

/// The identities that were added in an earlier run.
fn added(home: &Home) -> Result<BTreeMap<String, SpiffeId>, CliError> {
    let path = home.added_identities();
    let text = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        text => text.map_err(|e| checks::file("read", &path, &e))?,
    };
    let broken = |error: &dyn std::fmt::Display| checks::file("read", &path, error);
    let added: BTreeMap<String, String> = serde_json::from_slice(&text).map_err(|e| broken(&e))?;
    let parsed =
        added.into_iter().map(|(name, id)| Ok((name, id.parse().map_err(|e| broken(&e))?)));
    parsed.collect()
}

async fn status_of(supervised: &Supervised) -> ProgramStatus {
    let (program, state) = (&supervised.program, supervised.state());
    let answer = probe::ask(program.probe_port()).await;
    let reason = match &answer {
        Answer::Ready => String::new(),
        Answer::NotReady(why) => why.clone(),
        Answer::Silent => "it doesn't answer".to_owned(),
    };
    ProgramStatus {
        name: program.name.clone(),
        shard: program.shard,
        pid: state.pid,
        restarts: state.restarts,
        ready: answer == Answer::Ready,
        spare: false,
        reason,
        url: program.url(),
        log: program.log.display().to_string(),
        audit: program.audit.display().to_string(),
    }
}

fn said(result: Result<(), (Refusal, String)>) -> Response {
    result.map_or_else(|(refusal, why)| Response::Refused { refusal, why }, |()| Response::Done)
}

fn wrong(error: impl std::fmt::Display) -> (Refusal, String) {
    (Refusal::Wrong, error.to_string())
}

fn no_identity(error: impl std::fmt::Display) -> CliError {
    CliError::other(
        format!("the development authority: {error}"),
        "Stop the cluster and start it again; if it stays, report it with logs/.",
    )
}
