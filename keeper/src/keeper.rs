//! A Keeper at work: decides, writes the audit line, and only then does it.

use std::{
    panic::resume_unwind,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use jiff::Timestamp;
use spike_audit::{AuditError, Decision, Entry, Event, Log};
use spike_core::{
    Roles, SpiffeId,
    wire::{
        SecretBytes, ShardBytes,
        v2::{
            health::{Health, State},
            shard::{
                CommitRequest, DropRequest, GetRequest, GetResponse, PutRequest, StatusResponse,
            },
        },
    },
};
use spike_runtime::{InFlight, probes::Probe};
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use crate::{
    config::Config,
    slots::{Plan, Refusal, Sender, Slots},
};

/// Operations, as audit lines name them.
mod op {
    pub(super) const PUT: &str = "shard.put";
    pub(super) const GET: &str = "shard.get";
    pub(super) const COMMIT: &str = "shard.commit";
    pub(super) const DROP: &str = "shard.drop";
    pub(super) const CONTRIBUTE: &str = "shard.contribute";
    pub(super) const UNFRAMED: &str = "shard.unframed";
}

/// Who asks, in which role.
#[derive(Clone, Debug)]
pub struct Asker {
    /// Its role.
    pub sender: Sender,
    /// Its identity, for the audit line.
    pub id: SpiffeId,
    /// Its share of the requests in flight, kept until what it asked for is done.
    pub in_flight: Option<InFlight>,
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The slots refuse it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It couldn't be audited, so it wasn't done.
    #[error("the audit line can't be written: {0}")]
    Audit(#[from] AuditError),
}

/// One Keeper: its slots, its audit log, and whom it listens to.
///
/// What it has begun it finishes, even if the asker goes away: between an audit line and the change
/// that the line tells of, nothing may be dropped.
#[derive(Debug)]
pub struct Keeper {
    slots: RwLock<Slots>,
    /// Held from decision to change, across the audit line: plans are carried out in order.
    turn: Mutex<()>,
    /// What has begun.
    work: TaskTracker,
    roles: Roles,
    audit: Log,
}

impl Keeper {
    /// An empty Keeper.
    pub fn new(config: &Config, audit: Log) -> Self {
        let slots = Slots::new(config.index, config.roles.instance.clone());
        Self {
            slots: RwLock::new(slots),
            turn: Mutex::default(),
            work: TaskTracker::new(),
            roles: config.roles.clone(),
            audit,
        }
    }

    /// The role in which an identity may ask something; `None` for a stranger.
    pub fn asker(&self, id: &SpiffeId, in_flight: Option<InFlight>) -> Option<Asker> {
        Sender::of(&self.roles, id).map(|sender| Asker { sender, id: id.clone(), in_flight })
    }

    /// Writes down that a stranger asked for something.
    pub async fn deny(&self, id: Option<SpiffeId>, op: &'static str) -> Result<(), AuditError> {
        let mut entry = Entry::new(Event::Denied, op, Timestamp::now());
        entry.principal = id;
        entry.decision = Some(Decision::Deny);
        self.audit.append_denial(entry).await.map(drop)
    }

    /// Takes a shard.
    pub async fn put(self: &Arc<Self>, request: PutRequest, asker: &Asker) -> Result<(), Failure> {
        let set = Some(request.frame.set_id.to_string());
        let sender = asker.sender;
        self.change(op::PUT, asker, set, move |slots| slots.put(&request, sender)).await
    }

    /// Makes the pending set the current one.
    pub async fn commit(
        self: &Arc<Self>,
        request: CommitRequest,
        asker: &Asker,
    ) -> Result<(), Failure> {
        let set = Some(request.set_id.to_string());
        let sender = asker.sender;
        self.change(op::COMMIT, asker, set, move |slots| slots.commit(&request, sender)).await
    }

    /// Forgets a set.
    pub async fn forget(
        self: &Arc<Self>,
        request: DropRequest,
        asker: &Asker,
    ) -> Result<(), Failure> {
        let set = Some(request.set_id.to_string());
        let sender = asker.sender;
        self.change(op::DROP, asker, set, move |slots| slots.forget(&request, sender)).await
    }

    /// Gives the shard of a set, and learns the asker's witness.
    pub async fn get(
        self: &Arc<Self>,
        request: GetRequest,
        asker: &Asker,
    ) -> Result<GetResponse, Failure> {
        let (keeper, asker) = (Arc::clone(self), asker.clone());
        let get = async move {
            let _turn = keeper.turn.lock().await;
            let got = keeper.read().get(&request, asker.sender).map(|(held, plan)| {
                let shard = SecretBytes::from(held.shard().expose().to_vec());
                (GetResponse { frame: held.frame().clone(), shard }, plan)
            });
            let set = Some(request.set_id.to_string());
            keeper.line(op::GET, &asker, set, got.as_ref().err()).await?;
            let (response, plan) = got?;
            keeper.write().apply(plan);
            Ok(response)
        };
        self.finished(get).await
    }

    /// Takes a shard of SPIKE's own protocol.
    pub async fn contribute(
        self: &Arc<Self>,
        shard: Option<ShardBytes>,
        asker: &Asker,
    ) -> Result<(), Failure> {
        let shard = shard.filter(|shard| !shard.is_zero()).ok_or(Refusal::NoShard);
        let decide = move |slots: &Slots| slots.contribute(shard?.as_array());
        self.change(op::CONTRIBUTE, asker, None, decide).await
    }

    /// Gives the shard of SPIKE's own protocol.
    pub async fn unframed(&self, asker: &Asker) -> Result<ShardBytes, Failure> {
        let got = {
            let slots = self.read();
            slots.unframed(asker.sender).map(|shard| ShardBytes::from(*shard.expose()))
        };
        self.line(op::UNFRAMED, asker, None, got.as_ref().err()).await?;
        Ok(got?)
    }

    /// Waits until everything that has begun is done.
    pub async fn idle(&self) {
        self.work.close();
        self.work.wait().await;
    }

    /// What is held; never a bit of a shard, and not audited.
    pub fn status(&self) -> StatusResponse {
        self.read().status()
    }

    /// The epoch of the committed set.
    pub fn epoch(&self) -> Option<u32> {
        self.read().epoch()
    }

    /// Audit lines that couldn't be written.
    pub fn audit_failures(&self) -> u64 {
        self.audit.status().failures
    }

    async fn change(
        self: &Arc<Self>,
        op: &'static str,
        asker: &Asker,
        set: Option<String>,
        decide: impl FnOnce(&Slots) -> Result<Plan, Refusal> + Send + 'static,
    ) -> Result<(), Failure> {
        let (keeper, asker) = (Arc::clone(self), asker.clone());
        let change = async move {
            let _turn = keeper.turn.lock().await;
            let plan = decide(&keeper.read());
            keeper.line(op, &asker, set, plan.as_ref().err()).await?;
            let plan = plan.inspect_err(|refusal| tracing::warn!(op, %refusal, "refused"))?;
            keeper.write().apply(plan);
            tracing::info!(op, epoch = keeper.epoch(), "done");
            Ok(())
        };
        self.finished(change).await
    }

    /// What comes of `work`, which goes on if nobody waits for it any more.
    async fn finished<T>(&self, work: impl Future<Output = T> + Send + 'static) -> T
    where
        T: Send + 'static,
    {
        let done = self.work.spawn(work).await;
        done.unwrap_or_else(|panicked| resume_unwind(panicked.into_panic()))
    }

    async fn line(
        &self,
        op: &'static str,
        asker: &Asker,
        set: Option<String>,
        refused: Option<&Refusal>,
    ) -> Result<(), AuditError> {
        let denied = refused.is_some_and(|refusal| refusal.is_denial());
        let event = if denied { Event::Denied } else { Event::Shard };
        let mut entry = Entry::new(event, op, Timestamp::now());
        entry.principal = Some(asker.id.clone());
        entry.path = set;
        entry.decision = Some(if denied { Decision::Deny } else { Decision::Allow });
        entry.result = Some(refused.map_or("ok", |refusal| refusal.code().as_str()).into());
        if denied {
            self.audit.append_denial(entry).await.map(drop)
        } else {
            self.audit.append(entry).await.map(drop)
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Slots> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Slots> {
        self.slots.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Probe for Keeper {
    fn health(&self) -> Health {
        match self.epoch() {
            Some(_) => Health::READY,
            None => Health::not(State::Sealed, "no_committed_set", "no shard is committed yet"),
        }
    }
}
