//! What a plan is made of: one look at the world, reduced to what steps depend on.

use std::{collections::BTreeSet, time::Duration};

use crate::{hash::Digest, version::Version};

/// One look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Set if the cluster is being deleted.
    pub end: Option<End>,
    /// What forbids to go on.
    pub obstacle: Option<super::Stall>,
    /// Services, accounts, policies and the like.
    pub base: Base,
    /// Whether SVIDs can be issued.
    pub identity: IdentityLook,
    /// The Keepers' `StatefulSet`.
    pub keepers: Option<Keepers>,
    /// Its pods, from a live list.
    pub keeper_pods: Vec<KeeperPod>,
    /// The Nexus Deployment.
    pub nexus: Option<Nexus>,
    /// Its pods, from a live list.
    pub nexus_pods: Vec<NexusPod>,
    /// What Nexus says of the key ring.
    pub ring: RingLook,
    /// A key ring of this cluster was seen at some time.
    pub ring_was_seen: bool,
    /// Its shares and threshold, as they were seen last.
    pub last_quorum: Option<(u8, u8)>,
    /// What Nexus says of the store.
    pub store: Reach,
    /// The bootstrap Job.
    pub bootstrap: JobLook,
    /// The Job that expands the schema for the wanted version.
    pub migration: JobLook,
    /// The Job that removes what only earlier versions need.
    pub contraction: JobLook,
    /// What Nexus runs, as far as anybody could say; the earliest of several.
    pub version: Option<Version>,
    /// Every Nexus pod there is answers, and all of one version.
    pub one_version: bool,
    /// The recovery shards that have custodians.
    pub escrow: EscrowLook,
    /// No other cluster's Keepers are being rolled by this operator.
    pub turn: bool,
    /// How long a Keeper may take to be hydrated.
    pub hydration_timeout: Duration,
}

/// How a cluster ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Its namespace ends: nothing is left to protect.
    Namespace {
        /// Something of it lies outside the namespace.
        outside: bool,
    },
    /// Everything stays, without an owner.
    Retain {
        /// Every object says so.
        marked: bool,
    },
    /// Everything goes.
    Delete {
        /// The annotation names the cluster.
        confirmed: bool,
        /// What is still there.
        remaining: BTreeSet<Stage>,
    },
}

/// What goes together, in the order in which it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Bootstrap and schema Jobs.
    Jobs,
    /// The Nexus Deployment and what scales it.
    Nexus,
    /// The Keepers' `StatefulSet`.
    Keepers,
    /// Everything else in the namespace.
    Rest,
    /// What has no namespace.
    ClusterScoped,
}

/// The objects that neither hold a key nor serve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// Names of those that are missing or not as they should be.
    pub differs: Vec<String>,
    /// The authority's pods that are older than the account they run under, with their uids.
    pub orphans: Vec<(String, String)>,
}

/// Whether SVIDs can be issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityLook {
    /// They can.
    Ready,
    /// Not yet; why.
    Waits(String),
}

/// The Keepers' `StatefulSet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keepers {
    /// How many Keepers it wants.
    pub replicas: u8,
    /// Its template.
    pub template: Digest,
    /// The last template with which every Keeper was hydrated.
    pub good: Option<Digest>,
    /// A template with which a Keeper wasn't.
    pub bad: Option<Digest>,
    /// Its number of replicas is somebody else's.
    pub scaled: bool,
    /// Somebody changed what is ours.
    pub drifted: bool,
}

/// A Keeper's pod.
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that was seen")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeeperPod {
    /// Its name.
    pub name: String,
    /// Which of several that had this name.
    pub uid: String,
    /// Its place, from 0; one less than its shard's index.
    pub ordinal: u8,
    /// The node it runs on.
    pub node: Option<String>,
    /// The template it was made from.
    pub template: Digest,
    /// Its containers run.
    pub running: bool,
    /// It is about to go.
    pub terminating: bool,
    /// It should have gone more than a minute ago, and its node is not there to say so.
    pub lost: bool,
    /// Its container can't start or keeps ending.
    pub crashed: bool,
    /// It holds no committed set that anybody could get: its container doesn't run, a Nexus that
    /// reached it says so, or it has answered nobody for as long as it may take to be hydrated.
    pub empty: bool,
    /// It holds the ring's current set: it says so itself by being ready, and a Nexus that asked it
    /// since says so too.
    pub hydrated: bool,
    /// How old it is.
    pub age: Duration,
}

/// The Nexus Deployment.
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that was seen")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nexus {
    /// Its template, whatever its peers.
    pub template: Digest,
    /// How many Keepers its replicas know.
    pub peers: u8,
    /// How many replicas it wants.
    pub replicas: u16,
    /// Not every replica is of its template and ready.
    pub rolling: bool,
    /// It is rolling, and gets no further.
    pub stuck: bool,
    /// Its number of replicas is ours.
    pub counts: bool,
    /// Somebody changed what is ours.
    pub drifted: bool,
}

/// A Nexus's pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NexusPod {
    /// The node it runs on.
    pub node: Option<String>,
    /// It holds the root key and isn't about to stop, as it says over mTLS.
    pub unsealed: bool,
    /// Kubernetes finds it ready, which would mean the same.
    pub ready: bool,
}

/// What Nexus says of the key ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RingLook {
    /// Nobody can say; why.
    Unknown(String),
    /// There is none, or a bootstrap only claimed it.
    Absent,
    /// It is of another cluster.
    Foreign,
    /// It is active, and no Nexus that answers has its root key: of what shape it is can't be known.
    Sealed {
        /// A Nexus asked, and too few Keepers gave it a shard.
        short: bool,
    },
    /// It is active, and open.
    Open(Ring),
}

/// An open ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// How many shards there are.
    pub shares: u8,
    /// How many rebuild the root key.
    pub threshold: u8,
    /// The last generation that was ensured.
    pub generation: u64,
    /// Shards of the set that is being made.
    pub pending: Option<u8>,
    /// Shards of the set before, as long as it isn't settled that nobody needs it.
    pub previous: Option<u8>,
}

/// What Nexus says of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// No Nexus answers.
    Unknown,
    /// It takes writes.
    Reachable,
    /// It doesn't.
    Unreachable,
}

/// The recovery shards that were given out to custodians.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EscrowLook {
    /// None were, or nobody can say.
    None,
    /// People don't find their ciphertexts yet.
    Missing,
    /// They do.
    Kept,
}

/// A Job of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobLook {
    /// There is none.
    None,
    /// It runs, or is about to be tried again.
    Running,
    /// It failed.
    Failed {
        /// The number of the last try.
        last: u32,
        /// How many tries failed since people changed something.
        tries: u32,
    },
    /// It is done.
    Done,
}

impl Ring {
    /// Nobody needs another set than the current one.
    pub fn is_settled(&self) -> bool {
        self.previous.is_none() && self.pending.is_none()
    }
}

impl Keepers {
    /// It was tried, and a Keeper didn't come up.
    pub(super) fn refuses(&self, template: &Digest) -> bool {
        self.bad.as_ref() == Some(template)
    }
}

impl KeeperPod {
    /// Nothing is lost with it.
    pub(super) fn may_be_replaced(&self) -> bool {
        self.empty && !self.hydrated && !self.terminating
    }
}

impl Observed {
    /// True if no Nexus has the root key, whoever is asked.
    pub(super) fn nobody_has_the_key(&self) -> bool {
        self.nexus_pods.iter().all(|pod| !pod.unsealed && !pod.ready)
    }

    /// There is no root key, there never was one, and nobody is making one.
    pub(super) fn is_unkeyed(&self) -> bool {
        let idle = matches!(self.bootstrap, JobLook::None | JobLook::Failed { .. });
        matches!(self.ring, RingLook::Absent) && !self.ring_was_seen && idle
    }

    /// How many Nexus have the root key.
    pub fn unsealed(&self) -> usize {
        self.nexus_pods.iter().filter(|pod| pod.unsealed).count()
    }

    /// How many Keepers hold the current set.
    pub fn hydrated(&self) -> usize {
        self.keeper_pods.iter().filter(|pod| pod.hydrated).count()
    }

    /// The pod of a place, if there is exactly one.
    pub(super) fn keeper(&self, ordinal: u8) -> Option<&KeeperPod> {
        self.keeper_pods.iter().find(|pod| pod.ordinal == ordinal)
    }

    /// True if the first `count` Keepers run and stay.
    pub(super) fn all_run(&self, count: u8) -> bool {
        (0..count).all(|n| self.keeper(n).is_some_and(|pod| pod.running && !pod.terminating))
    }

    /// The ring, if it is open.
    pub(super) fn open(&self) -> Option<&Ring> {
        match &self.ring {
            RingLook::Open(ring) => Some(ring),
            _ => None,
        }
    }

    /// How many Keepers anybody may need: those of the ring, of the sets before and after it, and
    /// those of the wish. While the ring's shape can't be known, none is taken away.
    pub(crate) fn keepers_needed(&self, wished: u8) -> u8 {
        let known = self.nexus.as_ref().map_or(0, |nexus| nexus.peers);
        let present = self.keepers.as_ref().map_or(0, |set| set.replicas).max(known);
        match &self.ring {
            RingLook::Open(ring) => [Some(ring.shares), ring.previous, ring.pending]
                .into_iter()
                .flatten()
                .fold(wished, u8::max),
            RingLook::Absent if self.is_unkeyed() => wished,
            _ => wished.max(present),
        }
    }
}
