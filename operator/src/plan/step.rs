//! What a plan can end in.

use super::Stage;
use crate::version::Version;

/// One step. Whoever applies it looks at the world again before the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing to do: no write at all.
    Idle,
    /// Only report: the cluster is paused.
    Paused,
    /// Something must happen elsewhere first.
    Wait(Wait),
    /// Someone must do something first.
    Stall(Stall),
    /// Mark every object as retained.
    Retain,
    /// Delete what goes together.
    Delete(Stage),
    /// Drop the finalizer.
    Release,
    /// Apply what neither holds a key nor serves.
    ApplyBase,
    /// Delete a pod of the authority that proves nobody's identity any more.
    ReplaceAuthority {
        /// The pod.
        pod: String,
        /// Which of that name.
        uid: String,
    },
    /// Apply the Keepers' `StatefulSet`.
    ApplyKeepers {
        /// How many Keepers.
        replicas: u8,
        /// With which template.
        template: Hold,
    },
    /// Forget a pod whose node is gone: it has no storage, and its shard can be made again.
    ForgetKeeper {
        /// The pod.
        pod: String,
        /// Which of that name.
        uid: String,
    },
    /// Evict a Keeper's pod, if the disruption budget lets it go.
    EvictKeeper {
        /// The pod.
        pod: String,
        /// Which of that name.
        uid: String,
    },
    /// Go back to the last good template of the Keepers, and remember the bad one.
    RollBackKeepers,
    /// Remember that the present template of the Keepers is good.
    RecordGood,
    /// Bring the schema up to date.
    Migrate,
    /// Remove from the schema what only earlier versions need.
    Contract,
    /// Put the ciphertexts of recovery shards where people find them.
    Escrow,
    /// Apply the Nexus Deployment.
    ApplyNexus {
        /// How many Keepers its replicas shall know.
        peers: u8,
    },
    /// Make the root key.
    Bootstrap {
        /// Which try.
        attempt: u32,
    },
    /// Share the root key anew.
    Reshare,
}

/// Which template a `StatefulSet` is applied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The one that it has.
    Present,
    /// The one that the spec asks for.
    Wished,
}

impl Step {
    /// The name of a step that writes, as events and metrics have it; none of one that only waits.
    pub fn writes(&self) -> Option<&'static str> {
        Some(match self {
            Self::Idle | Self::Paused | Self::Wait(_) | Self::Stall(_) => return None,
            Self::Retain => "Retain",
            Self::Delete(_) => "Delete",
            Self::Release => "Release",
            Self::ApplyBase => "ApplyBase",
            Self::ApplyKeepers { template: Hold::Present, .. } => "ApplyKeepers",
            Self::ApplyKeepers { template: Hold::Wished, .. } => "ApplyKeeperTemplate",
            Self::ForgetKeeper { .. } => "ForgetKeeper",
            Self::EvictKeeper { .. } => "EvictKeeper",
            Self::ReplaceAuthority { .. } => "ReplaceAuthority",
            Self::RollBackKeepers => "RollBackKeepers",
            Self::RecordGood => "RecordGood",
            Self::Migrate => "Migrate",
            Self::Contract => "Contract",
            Self::Escrow => "Escrow",
            Self::ApplyNexus { .. } => "ApplyNexus",
            Self::Bootstrap { .. } => "Bootstrap",
            Self::Reshare => "Reshare",
        })
    }
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// `spike.ist/confirm-delete`.
    Confirmation,
    /// SVIDs; why there are none.
    Identity(String),
    /// A schema Job.
    Migration,
    /// The Job that removes what only earlier versions need.
    Contraction,
    /// A Nexus that answers, or a store; why there is none.
    Nexus(String),
    /// A store that takes writes.
    Store,
    /// A Nexus rollout.
    Rollout,
    /// Somebody who bootstraps, as `spec.bootstrap.mode: Never` says.
    Bootstrapper,
    /// The bootstrap that is under way.
    Bootstrap,
    /// Keepers that run.
    Keepers,
    /// A Nexus that rebuilds the root key from enough shards.
    Unseal,
    /// Keepers that hold their shards again.
    Hydration {
        /// The pods, or places if there is none.
        keepers: Vec<String>,
    },
    /// A re-share that is under way.
    Reshare,
    /// Enough other Keepers and Nexus, before one more is disrupted.
    Redundancy,
    /// Another cluster's rollout.
    Turn,
}

/// Why someone must do something first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stall {
    /// An object of our name belongs to somebody else.
    ForeignObject(String),
    /// The store is another cluster's.
    ForeignStore,
    /// Another cluster of the namespace has the built-in authority already.
    AuthorityExists(String),
    /// A ring was seen, and the store has none.
    KeyRingMissing,
    /// Too few shards are left, in Keepers that all run.
    RecoveryRequired,
    /// The schema Job failed.
    MigrationFailed,
    /// The Job that removes what only earlier versions need failed.
    ContractionFailed,
    /// Replicas of the two versions can't work side by side.
    VersionSkipped {
        /// What runs.
        running: Version,
        /// What is asked for.
        wanted: Version,
    },
    /// The bootstrap Job failed this often.
    BootstrapFailed(u32),
}
