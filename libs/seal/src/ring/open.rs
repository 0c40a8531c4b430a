//! From shards to keys: which shards are good, whose root they give, whether the ring is its.

use spike_core::{ClusterId, Quorum, ShardDigest, ShareIndex};
use subtle::ConstantTimeEq;

use super::{KeyRing, ShardSet, SideSet, WrappedKey};
use crate::{
    Refused, RingKeys, RootKey, SealError, Shard, WhyRefused,
    cipher::MAX_CIPHER_KEYS,
    derive::{mac, mac_is},
    ring_keys::KeyPurpose,
    shamir::Points,
    transcript::Transcript,
};

/// What a quorum of good shards gives.
#[derive(Debug)]
pub struct Opened {
    /// The root key.
    pub root: RootKey,
    /// The ring's keys.
    pub keys: RingKeys,
    /// Whose shards they were.
    pub source: Source,
    /// Shards that were not used.
    pub refused: Vec<Refused>,
}

/// Whose shards rebuilt the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The current set's.
    Current,
    /// Too few were left of the current set; the previous one's.
    Previous,
    /// Recovery shards.
    Escrow,
}

impl KeyRing {
    /// Names the shards that no set of the ring has, without using any.
    pub fn refuse(&self, shards: &[Shard]) -> Vec<Refused> {
        self.keepers(shards).refused
    }

    /// True if these are enough to rebuild the root, be they of the current set or of the one
    /// that a re-share came from.
    pub fn suffice(&self, shards: &[Shard]) -> bool {
        let Keepers { current, previous, .. } = self.keepers(shards);
        let former = self.reshare_from();
        Points::of(self.current.quorum, &current).is_some()
            || former.is_some_and(|set| Points::of(set.quorum, &previous).is_some())
    }

    /// Rebuilds the root from Keepers' shards, of the current set or else of the previous one, then
    /// [opens](Self::open) the ring.
    ///
    /// # Errors
    ///
    /// [`SealError::NotEnoughShards`]; [`SealError::WrongRoot`] or [`SealError::RingForged`] if the
    /// ring's digests were made for another root than its set id or its MAC.
    pub fn rebuild(&self, shards: &[Shard]) -> Result<Opened, SealError> {
        let Keepers { current, previous, refused } = self.keepers(shards);
        if let Some(points) = Points::of(self.current.quorum, &current) {
            let root = RootKey::rebuilt(points.recover());
            let keys = self.open(&root)?;
            return Ok(Opened { root, keys, source: Source::Current, refused });
        }
        let former = self.previous.as_ref();
        let points = former.and_then(|side| Some((side, Points::of(side.set.quorum, &previous)?)));
        let Some((side, points)) = points else {
            let need = self.current.quorum.threshold();
            return Err(SealError::NotEnoughShards { have: current.len(), need });
        };
        let root = RootKey::rebuilt(points.recover());
        let keys = self.open_side(side, &root)?;
        Ok(Opened { root, keys, source: Source::Previous, refused })
    }

    /// Believes the ring: the root must have made its current set and its MAC. Unwraps the keys.
    ///
    /// # Errors
    ///
    /// [`SealError::WrongRoot`], [`SealError::RingForged`], or [`SealError::RingMalformed`] if a
    /// purpose has no active key.
    pub fn open(&self, root: &RootKey) -> Result<RingKeys, SealError> {
        let name = self.current.split(self.cluster).set_id(root);
        if !bool::from(name.0.ct_eq(&self.current.id.0)) {
            return Err(SealError::WrongRoot(self.current.id));
        }
        if !mac_is(&root.ring_key(self.cluster), &self.authenticated(), &self.mac) {
            return Err(SealError::RingForged);
        }
        unwrap(&self.keys, self.cluster, root)
    }

    /// Believes what another root than the current one vouches for, and no more of the ring.
    fn open_side(&self, side: &SideSet, root: &RootKey) -> Result<RingKeys, SealError> {
        let name = side.set.split(self.cluster).set_id(root);
        if !bool::from(name.0.ct_eq(&side.set.id.0)) {
            return Err(SealError::WrongRoot(side.set.id));
        }
        let Some(other) = &side.root else { return self.open(root) };
        if !mac_is(&root.ring_key(self.cluster), &self.authenticated_side(side), &other.mac) {
            return Err(SealError::RingForged);
        }
        unwrap(&other.keys, self.cluster, root)
    }

    /// The same ring with its MAC.
    pub(super) fn signed(mut self, root: &RootKey) -> Self {
        self.mac = mac(&root.ring_key(self.cluster), &self.authenticated());
        self
    }

    fn authenticated(&self) -> Transcript {
        Transcript::of("ring").bytes(&self.cluster.0).bytes(&self.canonical())
    }

    pub(super) fn authenticated_side(&self, side: &SideSet) -> Transcript {
        Transcript::of("side").bytes(&self.cluster.0).bytes(&side.canonical())
    }

    fn keepers<'a>(&self, shards: &'a [Shard]) -> Keepers<'a> {
        let mut current = Sieve::of(&self.current);
        let mut previous = self.previous.as_ref().map(|side| (side, Sieve::of(&side.set)));
        let mut refused = Vec::new();
        for shard in shards {
            let of = |set: &ShardSet| set.split(self.cluster).digest(shard.index(), shard.expose());
            let taken = current.take(shard, of(&self.current)).or_else(|why| {
                let (side, sieve) = previous.as_mut().ok_or(why)?;
                sieve.take(shard, of(&side.set)).map_err(|_| why)
            });
            refused.extend(taken.err());
        }
        let previous = previous.map_or_else(Vec::new, |(_, sieve)| sieve.good);
        Keepers { current: current.good, previous, refused }
    }
}

fn unwrap(keys: &[WrappedKey], cluster: ClusterId, root: &RootKey) -> Result<RingKeys, SealError> {
    let ciphers = keys.iter().filter(|key| key.purpose == KeyPurpose::Cipher).count();
    if ciphers > MAX_CIPHER_KEYS {
        return Err(SealError::TooManyCipherKeys(ciphers));
    }
    let keys = keys.iter().map(|key| key.unwrap(cluster, root)).collect::<Result<_, _>>()?;
    RingKeys::new(cluster, keys)
        .ok_or_else(|| SealError::RingMalformed("a purpose has no active key".to_owned()))
}

/// Keepers' shards, sorted.
struct Keepers<'a> {
    current: Vec<&'a Shard>,
    previous: Vec<&'a Shard>,
    refused: Vec<Refused>,
}

/// Lets the shards through that a set names, each index once.
pub(super) struct Sieve<'a, 's> {
    quorum: Quorum,
    digests: &'s [ShardDigest],
    pub(super) good: Vec<&'a Shard>,
}

impl<'a, 's> Sieve<'a, 's> {
    pub(super) const fn new(quorum: Quorum, digests: &'s [ShardDigest]) -> Self {
        Self { quorum, digests, good: Vec::new() }
    }

    fn of(set: &'s ShardSet) -> Self {
        Self::new(set.quorum, &set.digests)
    }

    pub(super) fn take(&mut self, shard: &'a Shard, digest: ShardDigest) -> Result<(), Refused> {
        let index = shard.index();
        match self.verdict(index, digest) {
            None => {
                self.good.push(shard);
                Ok(())
            }
            Some(why) => Err(Refused { index, why }),
        }
    }

    fn verdict(&self, index: ShareIndex, digest: ShardDigest) -> Option<WhyRefused> {
        if !self.quorum.has(index) {
            Some(WhyRefused::OutOfRange)
        } else if !self.digests.get(index.ordinal()).is_some_and(|d| d.0.ct_eq(&digest.0).into()) {
            Some(WhyRefused::Digest)
        } else if self.good.iter().any(|other| other.index() == index) {
            Some(WhyRefused::Duplicate)
        } else {
            None
        }
    }
}
