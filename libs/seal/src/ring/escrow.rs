//! Recovery shards: which were given out last, and what they restore.
//!
//! They lie on a polynomial of their own, drawn from the root and the set's number: whoever has the
//! root can make them again, and nobody else can. The ring keeps their digests, never a shard.

use spike_core::{Quorum, Revision, ShardDigest};

use super::{KeyRing, Opened, Source, open::Sieve};
use crate::{EscrowSplit, Refused, RootKey, SealError, Shard, WhyRefused, shamir::Points};

/// The recovery shards given out last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escrow {
    /// Rises with each set, from 1; a number is never used again, and some may be left out.
    pub set: u32,
    /// How the root is split.
    pub quorum: Quorum,
    /// By index.
    pub digests: Vec<ShardDigest>,
    /// Whom the shards are encrypted to, by index; none: whoever has the recover role gets them.
    pub recipients: Vec<String>,
}

impl KeyRing {
    /// The same ring with its first recovery shards: for a ring that is about to be stored for the
    /// first time.
    pub fn escrowed(self, root: &RootKey, quorum: Quorum, recipients: Vec<String>) -> Self {
        let escrow = Some(self.escrow_of(root, quorum, recipients));
        Self { escrow, ..self }.signed(root)
    }

    /// The next ring: with a new set of recovery shards, which replaces the last one.
    ///
    /// It must be stored before a shard leaves, so that a shard in the world is always one that a
    /// restore will accept.
    pub fn with_next_escrow(
        &self,
        root: &RootKey,
        quorum: Quorum,
        recipients: Vec<String>,
    ) -> Self {
        let escrow = Some(self.escrow_of(root, quorum, recipients));
        Self { escrow, revision: self.revision.next(), ..self.clone() }.signed(root)
    }

    fn escrow_of(&self, root: &RootKey, quorum: Quorum, recipients: Vec<String>) -> Escrow {
        let set = self.next_escrow().unwrap_or(u32::MAX);
        let split = EscrowSplit { cluster: self.cluster, root_epoch: self.root_epoch, set, quorum };
        let digests =
            split.deal(root).iter().map(|s| split.digest(s.index(), s.expose())).collect();
        Escrow { set, quorum, digests, recipients }
    }

    /// The number of the next set of recovery shards; `None` if none is left.
    pub fn next_escrow(&self) -> Option<u32> {
        let last = self.escrow.as_ref().map_or(0, |escrow| escrow.set);
        last.max(self.escrow_above).checked_add(1)
    }

    /// The highest number that a set may have had in a history that went as far as `seen`: each set
    /// came with a revision of its own, and the first with the second.
    ///
    /// Nobody changes a ring four billion times: whoever has seen that is not followed, or there
    /// would be no number left.
    pub(super) fn escrows_until(&self, seen: Revision) -> u32 {
        u32::try_from(seen.0).unwrap_or_default().max(self.escrow_above)
    }

    /// The recovery shards given out last: the same ones, as often as asked.
    pub fn deal_escrow(&self, root: &RootKey) -> Option<Vec<Shard>> {
        self.escrow_split().map(|split| split.deal(root))
    }

    fn escrow_split(&self) -> Option<EscrowSplit> {
        let Escrow { set, quorum, .. } = *self.escrow.as_ref()?;
        let (cluster, root_epoch) = (self.cluster, self.root_epoch);
        Some(EscrowSplit { cluster, root_epoch, set, quorum })
    }

    /// Rebuilds the root from recovery shards, then [opens](Self::open) the ring.
    ///
    /// # Errors
    ///
    /// As for [`KeyRing::rebuild`]; [`SealError::NoEscrow`] if none were ever given out.
    pub fn restore(&self, shards: &[Shard]) -> Result<Opened, SealError> {
        let Sifted { good, verdicts, quorum } = self.sift(shards).ok_or(SealError::NoEscrow)?;
        let need = quorum.threshold();
        let points = Points::of(quorum, &good)
            .ok_or(SealError::NotEnoughShards { have: good.len(), need })?;
        let root = RootKey::rebuilt(points.recover());
        let keys = self.open(&root)?;
        let judged = shards.iter().zip(verdicts);
        let refused = judged.filter_map(|(shard, verdict)| {
            verdict.err().map(|why| Refused { index: shard.index(), why })
        });
        let refused = refused.collect();
        Ok(Opened { root, keys, source: Source::Escrow, refused })
    }

    /// Says whether a recovery shard is one of the set given out last.
    pub fn is_escrow(&self, shard: &Shard) -> bool {
        let verdicts = self.escrow_verdicts(std::slice::from_ref(shard));
        verdicts.is_some_and(|verdicts| verdicts.iter().all(Result::is_ok))
    }

    /// Says of each recovery shard, in their order, whether it is of the set given out last, without
    /// using any; `None` if none was ever given out.
    pub fn escrow_verdicts(&self, shards: &[Shard]) -> Option<Vec<Result<(), WhyRefused>>> {
        self.sift(shards).map(|sifted| sifted.verdicts)
    }

    fn sift<'a>(&self, shards: &'a [Shard]) -> Option<Sifted<'a>> {
        let (escrow, split) = self.escrow.as_ref().zip(self.escrow_split())?;
        let mut sieve = Sieve::new(escrow.quorum, &escrow.digests);
        let judge = |shard: &'a Shard| {
            let digest = split.digest(shard.index(), shard.expose());
            sieve.take(shard, digest).map_err(|refused| refused.why)
        };
        let verdicts = shards.iter().map(judge).collect();
        Some(Sifted { good: sieve.good, verdicts, quorum: escrow.quorum })
    }
}

/// Recovery shards, sorted.
struct Sifted<'a> {
    good: Vec<&'a Shard>,
    verdicts: Vec<Result<(), WhyRefused>>,
    quorum: Quorum,
}
