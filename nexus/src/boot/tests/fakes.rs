//! A Keeper and a store in memory, and the fuse that ends a process between any two of its steps.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use spike_client::ClientError;
use spike_core::{
    SecretPath, ShareIndex,
    wire::v2::shard::{
        CommitRequest, DropRequest, Frame, GetRequest, GetResponse, HeldSet, PutAs, PutRequest,
        SetRole, StatusResponse, Witness,
    },
};
use spike_seal::{KeyRing, RingDocument};
use spike_store::{
    Batch, Call, Capabilities, Document, DocumentDrop, DocumentPut, Documents, Epochs, Found,
    Health, Kind, Listed, Manage, Names, Outcome, Page, Result, Secrets, Seen, Select, StoreError,
    memory::MemoryStore,
};
use tokio::sync::Notify;

use super::super::{journal::Journal, keepers::Keeper};
use crate::keys::Reason;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something that happens to the world at a chosen step of a process.
type Surprise = (usize, Box<dyn FnOnce() + Send>);

/// One process: gives way to others at random, and dies at a chosen step.
pub(super) struct Process {
    steps: AtomicUsize,
    dies_at: AtomicUsize,
    dead: AtomicBool,
    died: Notify,
    random: Mutex<StdRng>,
    surprise: Mutex<Option<Surprise>>,
}

impl Process {
    pub(super) fn new(seed: u64, dies_at: usize) -> Arc<Self> {
        Arc::new(Self {
            steps: AtomicUsize::new(0),
            dies_at: AtomicUsize::new(dies_at),
            dead: AtomicBool::new(false),
            died: Notify::new(),
            random: Mutex::new(StdRng::seed_from_u64(seed)),
            surprise: Mutex::default(),
        })
    }

    /// How many steps it took.
    pub(super) fn steps(&self) -> usize {
        self.steps.load(Ordering::Relaxed)
    }

    /// It dies that many steps from here.
    pub(super) fn dies_in(&self, steps: usize) {
        self.dies_at.store(self.steps().saturating_add(steps), Ordering::Relaxed);
    }

    /// Something happens that many steps from here.
    pub(super) fn surprised_in(&self, steps: usize, by: impl FnOnce() + Send + 'static) {
        *lock(&self.surprise) = Some((self.steps() + steps, Box::new(by)));
    }

    /// Runs to the end, or to the step at which it dies: then `None`.
    pub(super) async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.died.notified() => None,
            out = work => Some(out),
        }
    }

    /// Between any two effects on the world.
    async fn step(&self) {
        let yields = lock(&self.random).random_range(0..4);
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
        let step = self.steps.fetch_add(1, Ordering::Relaxed);
        let due = lock(&self.surprise).take_if(|(at, _)| *at <= step);
        if let Some((_, surprise)) = due {
            surprise();
        }
        if step >= self.dies_at.load(Ordering::Relaxed) {
            self.dead.store(true, Ordering::Relaxed);
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// The memory of one Keeper, by the rules of the shard protocol.
pub(super) struct Memory {
    index: ShareIndex,
    slots: Mutex<Slots>,
    pub(super) hangs: AtomicBool,
    pub(super) down: AtomicBool,
    /// Has another's SVID.
    pub(super) impostor: AtomicBool,
    /// Takes a shard and loses it at once.
    pub(super) forgetful: AtomicBool,
}

#[derive(Default)]
struct Slots {
    sets: Vec<(SetRole, Frame, [u8; 32])>,
    witness: Witness,
}

fn refused(code: &str) -> ClientError {
    ClientError::Conflict { code: code.to_owned(), detail: String::new() }
}

impl Slots {
    fn at(&self, role: SetRole) -> Option<&Frame> {
        self.sets.iter().find(|(held, ..)| *held == role).map(|(_, frame, _)| frame)
    }

    fn pend(&mut self, frame: Frame, shard: [u8; 32]) {
        self.sets.retain(|(held, ..)| *held != SetRole::Pending);
        self.sets.push((SetRole::Pending, frame, shard));
    }

    /// The set before stays as the previous one; what can't be committed any more goes.
    fn promote(&mut self, frame: Frame, shard: [u8; 32]) {
        let moves = self.at(SetRole::Current).is_some();
        self.sets.retain(|(held, other, _)| match held {
            _ if other.set_id == frame.set_id => false,
            SetRole::Pending => other.epoch > frame.epoch,
            SetRole::Previous => !moves,
            SetRole::Current => true,
        });
        for (held, ..) in &mut self.sets {
            if *held == SetRole::Current {
                *held = SetRole::Previous;
            }
        }
        self.sets.push((SetRole::Current, frame, shard));
    }
}

impl Memory {
    pub(super) fn new(index: ShareIndex) -> Arc<Self> {
        Arc::new(Self {
            index,
            slots: Mutex::default(),
            hangs: AtomicBool::default(),
            down: AtomicBool::default(),
            impostor: AtomicBool::default(),
            forgetful: AtomicBool::default(),
        })
    }

    pub(super) fn restart(&self) {
        *lock(&self.slots) = Slots::default();
    }

    pub(super) fn flip_a_bit(&self) {
        for (.., shard) in &mut lock(&self.slots).sets {
            shard[7] ^= 4;
        }
    }

    pub(super) fn told(&self) -> Witness {
        lock(&self.slots).witness
    }

    pub(super) fn remember(&self, witness: Witness) {
        lock(&self.slots).witness = witness;
    }

    pub(super) fn forge(&self, edit: impl Fn(&mut SetRole, &mut Frame)) {
        for (role, frame, _) in &mut lock(&self.slots).sets {
            edit(role, frame);
        }
    }

    pub(super) fn status(&self) -> StatusResponse {
        let slots = lock(&self.slots);
        let sets = slots.sets.iter().map(|(role, frame, _)| HeldSet {
            role: *role,
            epoch: frame.epoch,
            attempt: frame.attempt,
            set_id: frame.set_id,
            cluster_id: frame.cluster_id,
            digest: frame.digest,
        });
        let (sets, witness) = (sets.collect(), slots.witness);
        StatusResponse { index: self.index, sets, witness, unframed: false }
    }

    /// As the Keeper does it for Nexus and Bootstrap alike; who may do what is the Keeper's own
    /// matter and tested there.
    pub(super) fn put(&self, request: &PutRequest) -> std::result::Result<(), ClientError> {
        let mut slots = lock(&self.slots);
        let frame = &request.frame;
        if slots.sets.iter().any(|(_, held, _)| held.cluster_id != frame.cluster_id) {
            return Err(refused("shard/other_cluster"));
        }
        let order = |frame: &Frame| (frame.epoch, frame.attempt);
        let same = slots.sets.iter().find(|(_, held, _)| held.set_id == frame.set_id);
        match same {
            Some((_, held, _)) if held != frame => return Err(refused("shard/other_bytes")),
            Some((role, ..)) if *role == SetRole::Current || request.put_as == PutAs::Pending => {
                return Ok(());
            }
            _ => {}
        }
        if slots.at(SetRole::Current).is_some_and(|current| current.epoch >= frame.epoch) {
            return Err(refused("shard/stale_epoch"));
        }
        let shard = request.shard.as_slice().try_into().expect("32 bytes");
        slots.witness = slots.witness.max(request.witness);
        if self.forgetful.load(Ordering::Relaxed) {
            return Ok(());
        }
        match request.put_as {
            PutAs::Current => slots.promote(frame.clone(), shard),
            PutAs::Pending => {
                if slots.at(SetRole::Pending).is_some_and(|held| order(held) >= order(frame)) {
                    return Err(refused("shard/lower_attempt"));
                }
                slots.pend(frame.clone(), shard);
            }
        }
        Ok(())
    }

    fn commit(&self, which: &CommitRequest) -> std::result::Result<(), ClientError> {
        let mut slots = lock(&self.slots);
        slots.witness = slots.witness.max(which.witness);
        let held = slots.sets.iter().find(|(_, frame, _)| frame.set_id == which.set_id).cloned();
        match held {
            None => Err(ClientError::NotFound),
            Some((SetRole::Current, ..)) => Ok(()),
            Some((SetRole::Previous, ..)) => Err(refused("shard/stale_epoch")),
            Some((SetRole::Pending, frame, shard)) => {
                slots.promote(frame, shard);
                Ok(())
            }
        }
    }

    fn forget(&self, which: &DropRequest) -> std::result::Result<(), ClientError> {
        let mut slots = lock(&self.slots);
        let beyond = which.in_force.filter(|now| self.index.get() > now.shares);
        let held = slots.sets.iter().find(|(_, frame, _)| frame.set_id == which.set_id);
        if let Some((SetRole::Current, frame, _)) = held
            && beyond.is_none_or(|now| now.epoch <= frame.epoch)
        {
            return Err(refused("shard/current_set"));
        }
        slots.sets.retain(|(_, frame, _)| frame.set_id != which.set_id);
        Ok(())
    }
}

/// A Keeper as one process sees it.
pub(super) struct Reached {
    pub(super) memory: Arc<Memory>,
    pub(super) process: Arc<Process>,
}

impl Reached {
    async fn arrive(&self) -> std::result::Result<(), ClientError> {
        self.process.step().await;
        if self.memory.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if self.memory.down.load(Ordering::Relaxed) {
            let origin = format!("https://keeper-{}", self.memory.index);
            return Err(ClientError::Unreachable { origin, reason: "refused".to_owned() });
        }
        if self.memory.impostor.load(Ordering::Relaxed) {
            let origin = format!("https://keeper-{}", self.memory.index);
            let reason = "it is spiffe://spike.ist/someone/else".to_owned();
            return Err(ClientError::Untrusted { origin, reason });
        }
        Ok(())
    }
}

#[async_trait]
impl Keeper for Reached {
    async fn put(&self, shard: &PutRequest) -> std::result::Result<(), ClientError> {
        self.arrive().await?;
        let answer = self.memory.put(shard);
        self.process.step().await;
        answer
    }

    async fn get(&self, which: &GetRequest) -> std::result::Result<GetResponse, ClientError> {
        self.arrive().await?;
        let slots = lock(&self.memory.slots);
        let held = slots.sets.iter().find(|(_, frame, _)| frame.set_id == which.set_id);
        let (_, frame, shard) = held.ok_or(ClientError::NotFound)?;
        Ok(GetResponse { frame: frame.clone(), shard: shard.to_vec().into() })
    }

    async fn status(&self) -> std::result::Result<StatusResponse, ClientError> {
        self.arrive().await?;
        Ok(self.memory.status())
    }

    async fn commit(&self, which: &CommitRequest) -> std::result::Result<(), ClientError> {
        self.arrive().await?;
        let answer = self.memory.commit(which);
        self.process.step().await;
        answer
    }

    async fn forget(&self, which: &DropRequest) -> std::result::Result<(), ClientError> {
        self.arrive().await?;
        let answer = self.memory.forget(which);
        self.process.step().await;
        answer
    }
}

/// The store that all processes share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) store: MemoryStore,
    /// Every active ring that was ever written.
    pub(super) written: Mutex<Vec<KeyRing>>,
    /// Answers to writes get lost while above 0.
    pub(super) lose_answers: AtomicUsize,
    pub(super) down: AtomicBool,
    /// What was written down.
    pub(super) diary: Mutex<Vec<&'static str>>,
    pub(super) diary_is_full: AtomicBool,
    /// Documents of this kind are gone.
    pub(super) lost: Mutex<Option<Kind>>,
}

impl Shared {
    pub(super) fn diary(&self) -> Vec<&'static str> {
        lock(&self.diary).clone()
    }

    pub(super) fn rings(&self) -> Vec<KeyRing> {
        lock(&self.written).clone()
    }
}

/// The store as one process sees it.
pub(super) struct Opened {
    pub(super) shared: Arc<Shared>,
    pub(super) process: Arc<Process>,
}

impl Opened {
    async fn arrive(&self) -> Result<()> {
        self.process.step().await;
        if self.shared.down.load(Ordering::Relaxed) {
            return Err(StoreError::busy("it is down"));
        }
        Ok(())
    }
}

#[async_trait]
impl Secrets for Opened {
    async fn read(&self, call: &Call, want: &[(SecretPath, Select)]) -> Result<Seen<Vec<Found>>> {
        self.arrive().await?;
        self.shared.store.read(call, want).await
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Seen<Outcome>> {
        self.shared.store.commit(call, batch).await
    }

    async fn list(&self, call: &Call, page: Page) -> Result<Seen<Listed>> {
        self.shared.store.list(call, page).await
    }
}

#[async_trait]
impl Documents for Opened {
    async fn load(&self, call: &Call, kind: Kind, names: Names) -> Result<Seen<Vec<Document>>> {
        self.arrive().await?;
        let mut seen = self.shared.store.load(call, kind, names).await?;
        if *lock(&self.shared.lost) == Some(kind) {
            seen.value.clear();
        }
        Ok(seen)
    }

    async fn change(
        &self,
        call: &Call,
        puts: Vec<DocumentPut>,
        drops: Vec<DocumentDrop>,
    ) -> Result<Epochs> {
        self.arrive().await?;
        // A write that is sent again is known by its tag, and writes nothing.
        let there = self.shared.store.load(call, Kind::Ring, Names::All).await?.value;
        let is_new = |put: &&DocumentPut| there.iter().all(|ring| ring.tag != put.document.tag);
        let rings = puts.iter().filter(|put| put.kind == Kind::Ring).filter(is_new);
        let rings: Vec<_> = rings.map(|put| put.document.bytes.clone()).collect();
        let epochs = self.shared.store.change(call, puts, drops).await?;
        for ring in rings {
            if let Ok(RingDocument::Active(ring)) = RingDocument::decode(&ring) {
                lock(&self.shared.written).push(*ring);
            }
        }
        self.process.step().await;
        let left = self.shared.lose_answers.load(Ordering::Relaxed);
        if left > 0 {
            self.shared.lose_answers.store(left - 1, Ordering::Relaxed);
            return Err(StoreError::Ambiguous { source: None });
        }
        Ok(epochs)
    }
}

#[async_trait]
impl Manage for Opened {
    fn capabilities(&self) -> Capabilities {
        self.shared.store.capabilities()
    }

    async fn health(&self) -> Result<Health> {
        self.shared.store.health().await
    }

    async fn sweep(&self, call: &Call) -> Result<u64> {
        self.shared.store.sweep(call).await
    }

    async fn close(&self) {}
}

/// The audit as one process sees it.
pub(super) struct Diary {
    pub(super) shared: Arc<Shared>,
    pub(super) process: Arc<Process>,
}

#[async_trait]
impl Journal for Diary {
    async fn write(&self, op: &'static str, _what: String) -> std::result::Result<(), Reason> {
        self.process.step().await;
        if self.shared.diary_is_full.load(Ordering::Relaxed) {
            return Err(Reason::new("audit_unavailable", "the disk is full"));
        }
        lock(&self.shared.diary).push(op);
        Ok(())
    }
}
