//! Why a Keeper says no.

use spike_core::{ShareIndex, wire::v2::ProblemCode};

/// Why a request was refused, by whose fault. Texts are safe to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Numbers that no set can have.
    #[error("no set has such an epoch, attempt, number of shares or threshold")]
    BadFrame,
    /// Not 32 bytes.
    #[error("a shard has 32 bytes")]
    BadShard,
    /// A shard of SPIKE's own protocol that is missing or all zero.
    #[error("the shard is missing or zero")]
    NoShard,
    /// The bytes aren't what the digest says.
    #[error("the shard's digest is not the one of its frame")]
    Digest,
    /// Meant for another Keeper.
    #[error("this Keeper holds shard {own}, not {asked}: check the order of the Keepers' URLs")]
    WrongIndex {
        /// Whose this Keeper is.
        own: ShareIndex,
        /// Which was sent.
        asked: ShareIndex,
    },
    /// Meant for another cluster of the trust domain.
    #[error("this Keeper belongs to another instance (SPIKE_INSTANCE)")]
    OtherInstance,
    /// Only a Nexus may ask that.
    #[error("only a Nexus may do this")]
    OnlyNexus,
    /// Bootstrap gives the first set to a Keeper without one, and does nothing else.
    #[error("bootstrap may only put and commit the first set, while no set is committed")]
    NotBootstraps,
    /// Nothing of that name is held.
    #[error("this Keeper holds no shard of that set")]
    NoSuchSet,
    /// Sets of another store are held.
    #[error("this Keeper holds shards of another cluster; restart it if they are of no use")]
    OtherCluster,
    /// That set id is held with another shard or frame.
    #[error("this Keeper holds another shard of that very set")]
    OtherBytes,
    /// That set id is held with another epoch or attempt.
    #[error("that set has another epoch or attempt")]
    OtherFrame,
    /// Not above the committed set.
    #[error("a set of this or a later epoch is committed")]
    StaleEpoch,
    /// Not above the pending set.
    #[error("another set of this or a later attempt is pending; restart this Keeper to drop it")]
    LowerAttempt,
    /// The committed set can only be replaced, as long as this Keeper has a part in what is in force.
    #[error("the current set can't be dropped, only replaced")]
    CurrentSet,
    /// Counters that no store can have: believed, they would keep every Nexus from starting.
    #[error("the witness is above 2^62, where no store's counters can be")]
    BadWitness,
    /// SPIKE's own protocol is over once sets are held.
    #[error("this Keeper holds framed sets")]
    Framed,
}

impl Refusal {
    /// Its stable code.
    pub const fn code(self) -> ProblemCode {
        match self {
            Self::BadFrame => ProblemCode::ShardBadFrame,
            Self::BadShard => ProblemCode::ShardBadLength,
            Self::NoShard => ProblemCode::ShardMissing,
            Self::Digest => ProblemCode::ShardDigestMismatch,
            Self::WrongIndex { .. } => ProblemCode::ShardWrongIndex,
            Self::OtherInstance => ProblemCode::ShardOtherInstance,
            Self::OnlyNexus | Self::NotBootstraps => ProblemCode::Denied,
            Self::NoSuchSet => ProblemCode::ShardNotHeld,
            Self::OtherCluster => ProblemCode::ShardOtherCluster,
            Self::OtherBytes => ProblemCode::ShardOtherBytes,
            Self::OtherFrame => ProblemCode::ShardOtherFrame,
            Self::StaleEpoch => ProblemCode::ShardStaleEpoch,
            Self::LowerAttempt => ProblemCode::ShardLowerAttempt,
            Self::CurrentSet => ProblemCode::ShardCurrentSet,
            Self::BadWitness => ProblemCode::ShardBadWitness,
            Self::Framed => ProblemCode::ShardFramed,
        }
    }

    /// True if it is about who asks, not about what.
    pub const fn is_denial(self) -> bool {
        matches!(self, Self::OnlyNexus | Self::NotBootstraps)
    }
}
