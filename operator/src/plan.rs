//! The one next safe step. Pure: it looks at what was seen and decides, and talks to nobody.
//!
//! [`plan`] asks the questions below in order, and the first that has an answer decides. Each answer
//! is one small change or one thing to wait for: the next reconcile looks at the world anew, so that
//! a crash between any two steps loses nothing but time.
//!
//! What must hold whatever fails, and is tested as a property:
//!
//! | | |
//! | --- | --- |
//! | I1 | a Keeper is disrupted on purpose only while the threshold of *other* Keepers is hydrated and a Nexus is unsealed; with as many shares as the threshold, while all others are hydrated and two Nexus on different nodes are unsealed |
//! | I2 | a Keeper and the last unsealed Nexus never go in one step |
//! | I3 | a Keeper of the ring that is missing, terminating, unready or empty *is* the disruption in flight |
//! | I4 | no root key is made where a key ring was ever seen |
//! | I5 | the order of Keepers is the order of shards, and never changes |

mod base;
mod end;
mod finish;
mod keepers;
mod keys;
mod nexus;
mod observed;
mod rollout;
mod step;
#[cfg(test)]
mod tests;

pub use observed::{
    Base, End, EscrowLook, IdentityLook, JobLook, KeeperPod, Keepers, Nexus, NexusPod, Observed,
    Reach, Ring, RingLook, Stage,
};
pub use step::{Hold, Stall, Step, Wait};
#[cfg(test)]
pub(crate) use tests::{healthy, wish};

use crate::{cluster::BootstrapMode, hash::Digest, version::Version};

/// What the spec asks for, as far as steps depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// `spec.paused`.
    pub paused: bool,
    /// How many shards, and so Keepers, there should be; none with a store in memory.
    pub shares: u8,
    /// How many of them rebuild the root key.
    pub threshold: u8,
    /// `spec.shamir.generation`.
    pub generation: u64,
    /// `spec.bootstrap.mode`.
    pub bootstrap: BootstrapMode,
    /// What prepares the store: a Job, or Nexus itself.
    pub store: StoreWork,
    /// How many Nexus replicas; `None` if an autoscaler decides.
    pub replicas: Option<u16>,
    /// The Keepers' pod template.
    pub keeper_template: Digest,
    /// The Nexus's pod template, whatever its list of peers.
    pub nexus_template: Digest,
    /// Evict stale Keepers; otherwise somebody else does.
    pub evicts: bool,
    /// The image's version, if its tag says one.
    pub version: Option<Version>,
}

/// What prepares the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreWork {
    /// Jobs, for a store that several can reach: the schema's only if it is migrated for people.
    Jobs {
        /// Bring the schema up to date before a new version runs.
        migrate: bool,
    },
    /// The one Nexus itself, for a store on its own volume.
    Nexus,
    /// Nothing: the store lives in the memory of the one Nexus, and there are no Keepers.
    Nothing,
}

impl Wish {
    /// Whether there are Keepers at all.
    pub fn has_keepers(&self) -> bool {
        self.store != StoreWork::Nothing
    }
}

type Question = fn(&Wish, &Observed) -> Option<Step>;

/// Every question, in the order in which the first answer decides.
const QUESTIONS: [Question; 22] = [
    end::deleting,
    end::paused,
    end::obstacle,
    base::wiring,
    base::orphans,
    base::identity,
    keepers::stateful_set,
    keepers::lost,
    keepers::overdue,
    nexus::version,
    nexus::migration,
    nexus::deployment,
    keys::ring,
    keys::sealed,
    keepers::disruption,
    keys::reshare,
    rollout::template,
    rollout::stale_pods,
    rollout::good,
    finish::escrow,
    nexus::settled,
    finish::contraction,
];

/// The one next step.
pub fn plan(wish: &Wish, seen: &Observed) -> Step {
    QUESTIONS.iter().find_map(|question| question(wish, seen)).unwrap_or(Step::Idle)
}
