//! What a Keeper holds, and which requests may change it. Pure: no clock, no I/O, no randomness.
//!
//! A request is decided into a [`Plan`] without touching anything, so that the caller can write its
//! audit line in between; carrying out a plan can't fail. A Keeper knows nothing of its peers: it
//! can't tell a right set from a wrong one, only a contradiction with what it holds.
//!
//! ```text
//!            put pending            commit               commit
//! (nothing) ─────────────▶ pending ─────────▶ current ─────────────▶ previous ──▶ (dropped)
//!      └──────────────────────────────────────▶ (put current: Nexus, for the ring's current set)
//! ```

mod refusal;
#[cfg(test)]
mod tests;

use spike_core::{
    ClusterId, Instance, Quorum, Role, Roles, SetId, ShareIndex, SpiffeId,
    wire::v2::shard::{
        CommitRequest, DropRequest, Frame, GetRequest, HeldSet, PutAs, PutRequest, SetRole,
        StatusResponse, Witness,
    },
};
use spike_seal::{Shard, Split};

pub use refusal::Refusal;

/// Who may talk to a Keeper at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Gives and takes shards.
    Nexus,
    /// Gives the first set, and never gets a shard.
    Bootstrap,
}

impl Sender {
    /// The sender with this identity, if it is one.
    pub fn of(roles: &Roles, id: &SpiffeId) -> Option<Self> {
        match roles.of(id)? {
            Role::Nexus => Some(Self::Nexus),
            Role::Bootstrap => Some(Self::Bootstrap),
            _ => None,
        }
    }
}

/// A shard and what it belongs to.
#[derive(Debug)]
pub struct Held {
    frame: Frame,
    shard: Shard,
}

impl Held {
    /// What the shard belongs to.
    pub const fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The shard.
    pub const fn shard(&self) -> &Shard {
        &self.shard
    }
}

/// What is to be done about a request that was accepted.
#[derive(Debug)]
#[must_use]
pub struct Plan {
    change: Change,
    witness: Option<Witness>,
}

#[derive(Debug)]
enum Change {
    /// It is as asked for already.
    Nothing,
    Pend(Held),
    Fill(Held),
    Commit,
    DropCurrent,
    DropPending,
    DropPrevious,
    Unframed(Shard),
}

/// The slots of one Keeper.
#[derive(Debug)]
pub struct Slots {
    index: ShareIndex,
    instance: Option<Instance>,
    current: Option<Held>,
    previous: Option<Held>,
    pending: Option<Held>,
    unframed: Option<Shard>,
    witness: Witness,
}

impl Slots {
    /// An empty Keeper of shard `index`.
    pub fn new(index: ShareIndex, instance: Option<Instance>) -> Self {
        Self {
            index,
            instance,
            current: None,
            previous: None,
            pending: None,
            unframed: None,
            witness: Witness::default(),
        }
    }

    /// Decides about a new shard.
    pub fn put(&self, request: &PutRequest, sender: Sender) -> Result<Plan, Refusal> {
        let frame = &request.frame;
        if sender == Sender::Bootstrap && (request.put_as == PutAs::Current || frame.epoch != 1) {
            return Err(Refusal::NotBootstraps);
        }
        let held = self.checked(request)?;
        self.same_cluster(frame.cluster_id)?;
        let witness = told(sender, request.witness)?;
        let plan = |change| Ok(Plan { change, witness });

        let slot = self.find(frame.cluster_id, frame.set_id);
        if let Some((role, same)) = slot {
            if same.frame != *frame {
                return Err(Refusal::OtherBytes);
            }
            if role == SetRole::Current || request.put_as == PutAs::Pending {
                return plan(Change::Nothing);
            }
        }
        self.above_current(frame, sender)?;
        match request.put_as {
            PutAs::Current => plan(Change::Fill(held)),
            PutAs::Pending => match &self.pending {
                Some(pending) if order(&pending.frame) >= order(frame) => {
                    Err(Refusal::LowerAttempt)
                }
                _ => plan(Change::Pend(held)),
            },
        }
    }

    /// Decides about making the pending set the current one.
    pub fn commit(&self, request: &CommitRequest, sender: Sender) -> Result<Plan, Refusal> {
        self.same_cluster(request.cluster_id)?;
        let (role, held) =
            self.find(request.cluster_id, request.set_id).ok_or(Refusal::NoSuchSet)?;
        if order(&held.frame) != (request.epoch, request.attempt) {
            return Err(Refusal::OtherFrame);
        }
        let witness = told(sender, request.witness)?;
        let plan = |change| Ok(Plan { change, witness });
        match role {
            SetRole::Current => plan(Change::Nothing),
            SetRole::Previous => Err(Refusal::StaleEpoch),
            SetRole::Pending if sender == Sender::Bootstrap && request.epoch != 1 => {
                Err(Refusal::NotBootstraps)
            }
            SetRole::Pending => {
                self.above_current(&held.frame, sender)?;
                plan(Change::Commit)
            }
        }
    }

    /// Decides about forgetting a set. One that isn't held is forgotten already.
    ///
    /// The current set is only replaced, so that no request takes the last quorum away; unless a
    /// later one is in force that has no shard for this Keeper.
    pub fn forget(&self, request: &DropRequest, sender: Sender) -> Result<Plan, Refusal> {
        only_nexus(sender)?;
        let change = match self.find(request.cluster_id, request.set_id) {
            None => Change::Nothing,
            Some((SetRole::Current, held)) if self.is_beyond(request, held) => Change::DropCurrent,
            Some((SetRole::Current, _)) => return Err(Refusal::CurrentSet),
            Some((SetRole::Pending, _)) => Change::DropPending,
            Some((SetRole::Previous, _)) => Change::DropPrevious,
        };
        Ok(Plan { change, witness: None })
    }

    /// The shard of a set, and the plan to remember what its taker has seen.
    pub fn get(&self, request: &GetRequest, sender: Sender) -> Result<(&Held, Plan), Refusal> {
        only_nexus(sender)?;
        self.same_cluster(request.cluster_id)?;
        let (_, held) = self.find(request.cluster_id, request.set_id).ok_or(Refusal::NoSuchSet)?;
        let witness = told(sender, request.witness.unwrap_or_default())?;
        Ok((held, Plan { change: Change::Nothing, witness }))
    }

    /// Decides about a shard of SPIKE's own protocol: only a Keeper without any set takes one.
    pub fn contribute(&self, shard: &[u8; 32]) -> Result<Plan, Refusal> {
        if self.holds_a_set() {
            return Err(Refusal::Framed);
        }
        let shard = Shard::received(self.index, shard);
        Ok(Plan { change: Change::Unframed(shard), witness: None })
    }

    /// The shard of SPIKE's own protocol, unless sets are held.
    pub fn unframed(&self, sender: Sender) -> Result<&Shard, Refusal> {
        only_nexus(sender)?;
        if self.holds_a_set() {
            return Err(Refusal::Framed);
        }
        self.unframed.as_ref().ok_or(Refusal::NoSuchSet)
    }

    /// What is held; never a bit of a shard.
    pub fn status(&self) -> StatusResponse {
        StatusResponse {
            index: self.index,
            sets: self.sets().map(|(role, held)| described(role, &held.frame)).collect(),
            witness: self.witness,
            unframed: self.unframed.is_some(),
        }
    }

    /// The epoch of the committed set.
    pub fn epoch(&self) -> Option<u32> {
        self.current.as_ref().map(|held| held.frame.epoch)
    }

    /// Carries out a plan that was made of these slots, with no other carried out since.
    pub fn apply(&mut self, plan: Plan) {
        let Plan { change, witness } = plan;
        self.witness = self.witness.max(witness.unwrap_or_default());
        match change {
            Change::Nothing => {}
            Change::Pend(held) => self.pending = Some(held),
            Change::Fill(held) => self.promote(held),
            Change::Commit => {
                if let Some(held) = self.pending.take() {
                    self.promote(held);
                }
            }
            Change::DropCurrent => self.current = None,
            Change::DropPending => self.pending = None,
            Change::DropPrevious => self.previous = None,
            Change::Unframed(shard) => self.unframed = Some(shard),
        }
    }

    /// A new current set; what can't be committed any more is wiped.
    fn promote(&mut self, held: Held) {
        self.pending = self.pending.take().filter(|pending| pending.frame.epoch > held.frame.epoch);
        self.previous = self.current.replace(held).or_else(|| self.previous.take());
        self.unframed = None;
    }

    /// The shard on a guarded page, if it is what its frame says and meant for this Keeper.
    fn checked(&self, request: &PutRequest) -> Result<Held, Refusal> {
        let frame = &request.frame;
        if frame.index != self.index {
            return Err(Refusal::WrongIndex { own: self.index, asked: frame.index });
        }
        if frame.instance != self.instance {
            return Err(Refusal::OtherInstance);
        }
        let quorum = Quorum::new(frame.shares.into(), frame.threshold.into());
        let quorum = quorum.ok().filter(|quorum| quorum.has(frame.index));
        let quorum = quorum.ok_or(Refusal::BadFrame)?;
        if frame.epoch == 0 || frame.attempt == 0 {
            return Err(Refusal::BadFrame);
        }
        let bytes = request.shard.as_slice().try_into().map_err(|_| Refusal::BadShard)?;
        let (cluster, epoch, attempt) = (frame.cluster_id, frame.epoch, frame.attempt);
        let split = Split { cluster, epoch, attempt, quorum };
        if split.digest(frame.index, bytes) != frame.digest {
            return Err(Refusal::Digest);
        }
        Ok(Held { frame: frame.clone(), shard: Shard::received(frame.index, bytes) })
    }

    fn same_cluster(&self, cluster: ClusterId) -> Result<(), Refusal> {
        match self.sets().next() {
            Some((_, held)) if held.frame.cluster_id != cluster => Err(Refusal::OtherCluster),
            _ => Ok(()),
        }
    }

    fn above_current(&self, frame: &Frame, sender: Sender) -> Result<(), Refusal> {
        match &self.current {
            Some(_) if sender == Sender::Bootstrap => Err(Refusal::NotBootstraps),
            Some(current) if current.frame.epoch >= frame.epoch => Err(Refusal::StaleEpoch),
            _ => Ok(()),
        }
    }

    /// True if what is in force is later than `held` and has no shard for this Keeper.
    fn is_beyond(&self, request: &DropRequest, held: &Held) -> bool {
        request.in_force.is_some_and(|in_force| {
            in_force.epoch > held.frame.epoch && self.index.get() > in_force.shares
        })
    }

    fn find(&self, cluster: ClusterId, set: SetId) -> Option<(SetRole, &Held)> {
        self.sets().find(|(_, held)| held.frame.set_id == set && held.frame.cluster_id == cluster)
    }

    fn holds_a_set(&self) -> bool {
        self.sets().next().is_some()
    }

    fn sets(&self) -> impl Iterator<Item = (SetRole, &Held)> {
        let current = self.current.iter().map(|held| (SetRole::Current, held));
        let previous = self.previous.iter().map(|held| (SetRole::Previous, held));
        let pending = self.pending.iter().map(|held| (SetRole::Pending, held));
        current.chain(previous).chain(pending)
    }
}

fn only_nexus(sender: Sender) -> Result<(), Refusal> {
    if sender == Sender::Nexus { Ok(()) } else { Err(Refusal::OnlyNexus) }
}

/// Only a Nexus reads the store and can witness what is in it.
fn told(sender: Sender, witness: Witness) -> Result<Option<Witness>, Refusal> {
    if witness.is_possible() {
        Ok((sender == Sender::Nexus).then_some(witness))
    } else {
        Err(Refusal::BadWitness)
    }
}

const fn order(frame: &Frame) -> (u32, u32) {
    (frame.epoch, frame.attempt)
}

fn described(role: SetRole, frame: &Frame) -> HeldSet {
    HeldSet {
        role,
        epoch: frame.epoch,
        attempt: frame.attempt,
        set_id: frame.set_id,
        cluster_id: frame.cluster_id,
        digest: frame.digest,
    }
}
