//! Another split of the root, online: claim, put, check, commit, settle.
//!
//! A wish becomes a claim in the ring, by compare-and-swap. From there on no one is in charge: every
//! Nexus that has its keys puts the shards of the claimed set to the Keepers (`rehydrate`), and takes
//! the next step here once **all** of them hold it. The shards are derived, and each step is one
//! compare-and-swap of the ring, so that it doesn't matter who takes it, how often it is tried or
//! where anyone dies: the ring always names a set that enough Keepers hold.

use std::{collections::BTreeMap, fmt, sync::Arc};

use futures::future::join_all;
use rand::CryptoRng;
use spike_core::{
    Quorum, ShareIndex,
    wire::v2::shard::{GetRequest, SetRole, StatusResponse},
};
use spike_seal::{KeyRing, RingDocument, SealError, Shard, ShardSet, Source};
use spike_store::{Call, Epochs, StoreError};

use super::{
    BootError,
    escrow::present,
    keepers::{Peer, holds},
    plan,
    rehydrate::Tended,
    site::{Site, unavailable},
    system_random,
};
use crate::keys::{Reason, Unsealed, new_tag, ring_put};

/// How often a wish is tried to be written: each loss is another writer's gain.
const TRIES: u32 = 8;

/// A split that someone wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Counts the wishes.
    pub generation: u64,
    /// How the root shall be split.
    pub quorum: Quorum,
}

/// A wish, and what its author knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What is wanted.
    pub wish: Wish,
    /// The generation that must be in force, if there is something to be changed.
    pub expect: Option<u64>,
}

impl Wish {
    /// The wish that a set fulfils.
    pub(super) const fn of(set: &ShardSet) -> Self {
        Self { generation: set.generation, quorum: set.quorum }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (generation {})", self.quorum, self.generation)
    }
}

/// Writes the wish into the ring; the ring that has it, be it in force or under way.
pub(super) async fn ensure(
    site: &Site,
    call: &Call,
    asked: Asked,
    random: &mut (impl CryptoRng + Send),
) -> Result<Arc<Unsealed>, BootError> {
    let wish = asked.wish;
    for _ in 0..TRIES {
        let (epochs, unsealed) = present(site, call).await?;
        let Some(next) = wanted(&unsealed, asked, site.keepers.len())? else {
            return Ok(unsealed);
        };
        if let Some(claimed) = replace(site, epochs, &unsealed, next, random).await? {
            tracing::info!(%wish, "the key ring has another target");
            return Ok(claimed);
        }
    }
    Err(Reason::new("contended", "the key ring kept changing: try again").into())
}

/// The ring that a wish makes of this one; `None` if it is fulfilled or under way already.
///
/// A wish for the split in force moves no shard: it withdraws a claim, and its generation is noted.
/// Generations have no order, since whoever reverts a manifest goes back: a wish that comes late is
/// known by what its author took to be in force.
fn wanted(
    unsealed: &Unsealed,
    Asked { wish, expect }: Asked,
    keepers: usize,
) -> Result<Option<KeyRing>, BootError> {
    let (ring, root) = (&unsealed.ring, &unsealed.root);
    let target = ring.reshare_to().unwrap_or(ring.current());
    if Wish::of(target) == wish {
        return Ok(None);
    }
    let in_force = ring.current().generation;
    if let Some(expected) = expect.filter(|expected| *expected != in_force) {
        return Err(BootError::Changed { in_force, expected });
    }
    let shares = usize::from(wish.quorum.shares());
    let next = if wish.quorum == ring.current().quorum {
        ring.without_pending(root, wish.generation)
    } else if shares > keepers {
        let text = format!(
            "shares: {shares} need as many Keepers, SPIKE_NEXUS_KEEPER_PEERS of this Nexus lists \
             {keepers}: list the new ones there, restart every Nexus, then ask again"
        );
        return Err(BootError::BadRequest(text));
    } else {
        ring.with_pending(root, wish.quorum, wish.generation)
    };
    match next {
        Ok(next) => Ok(Some(next)),
        Err(SealError::Unsettled) => {
            Err(BootError::Unsettled(Wish::of(ring.current()).to_string()))
        }
        Err(error @ SealError::OtherRoot(_)) => {
            Err(Reason::new("rotation_under_way", error.to_string()).into())
        }
        Err(error) => Err(Reason::new("ring_forged", error.to_string()).into()),
    }
}

/// Puts `next` in the place of the ring; `None` if that has changed meanwhile.
async fn replace(
    site: &Site,
    epochs: Epochs,
    before: &Unsealed,
    next: KeyRing,
    random: &mut (impl CryptoRng + Send),
) -> Result<Option<Arc<Unsealed>>, Reason> {
    let active = |ring: &KeyRing| RingDocument::Active(Box::new(ring.clone()));
    let put = ring_put(&active(&next), Some(&active(&before.ring)), new_tag(random));
    let after = Unsealed::new(next, before.root.clone());
    let after = after.map_err(|error| Reason::new("internal", error.to_string()))?;
    match site.write(Some(epochs), &[put]).await {
        Ok(_) => Ok(Some(site.keys.unseal(after))),
        Err(StoreError::Stale { .. } | StoreError::DocumentConflict { .. }) => Ok(None),
        Err(error) => Err(unavailable(&error)),
    }
}

/// True from the claim until it has settled.
pub(super) fn is_under_way(site: &Site) -> bool {
    let sets = |ring: &KeyRing| ring.reshare_to().or(ring.reshare_from()).is_some();
    site.keys.open().is_some_and(|unsealed| sets(&unsealed.ring))
}

/// What a re-share comes to next, as the Keepers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// There is none.
    Rest,
    /// These Keepers have to put, or to commit, their shard first.
    Wait(Vec<ShareIndex>),
    /// All of them hold the pending set.
    Commit,
    /// All of them have committed the current set.
    Settle,
}

impl Turn {
    /// Decides it from what each Keeper holds. Pure.
    pub(super) fn of(ring: &KeyRing, held: &BTreeMap<ShareIndex, StatusResponse>) -> Self {
        let cluster = ring.cluster();
        let lacking = |set: &ShardSet, has: &dyn Fn(&StatusResponse, &ShardSet) -> bool| {
            let indices = set.quorum.indices();
            let lacks =
                |index: &ShareIndex| !held.get(index).is_some_and(|keeper| has(keeper, set));
            indices.filter(lacks).collect::<Vec<_>>()
        };
        let (then, lacking) = match (ring.reshare_to(), ring.reshare_from()) {
            (None, None) => return Self::Rest,
            (Some(next), _) => {
                let has = |keeper: &_, set: &_| plan::is_in_place(keeper, cluster, set);
                (Self::Commit, lacking(next, &has))
            }
            (None, Some(_)) => {
                let has = |keeper: &_, set: &_| holds(keeper, cluster, set, SetRole::Current);
                (Self::Settle, lacking(ring.current(), &has))
            }
        };
        if lacking.is_empty() { then } else { Self::Wait(lacking) }
    }

    /// In words, for status.
    pub(super) fn told(&self, ring: &KeyRing) -> Option<Reason> {
        let list = |indices: &[ShareIndex]| {
            let indices: Vec<_> = indices.iter().map(ToString::to_string).collect();
            format!("waits for Keepers {}", indices.join(", "))
        };
        let what = match self {
            Self::Rest => return None,
            Self::Wait(indices) => list(indices),
            Self::Commit => "is about to be committed".to_owned(),
            Self::Settle => "is about to settle".to_owned(),
        };
        let target = Wish::of(ring.reshare_to().unwrap_or(ring.current()));
        Some(Reason::new("reshare_under_way", format!("the re-share to {target} {what}")))
    }
}

/// Takes the next step of a re-share if the Keepers are ready for it; true if the ring has changed.
pub(super) async fn advance(site: &Site, tended: &Tended) -> Result<bool, Reason> {
    let Tended { unsealed, statuses, .. } = tended;
    let (ring, root) = (&unsealed.ring, &unsealed.root);
    let turn = Turn::of(ring, statuses);
    if turn != Turn::Settle {
        site.unproved.clear();
    }
    let (op, done, next) = match turn {
        Turn::Rest | Turn::Wait(_) => return Ok(false),
        Turn::Commit => ("keys.commit", "keys.committed", ring.committed(root)),
        Turn::Settle => {
            if let Err(why) = prove(site, ring).await {
                site.unproved.set(why);
                return Ok(false);
            }
            site.unproved.clear();
            ("keys.settle", "keys.settled", ring.settled(root))
        }
    };
    let next = next.map_err(|error| Reason::new("internal", error.to_string()))?;
    let call = site.call(None);
    let seen = site.store.read(&call, &[]).await.map_err(|error| unavailable(&error))?;
    if seen.epochs.ring != ring.revision() {
        return Ok(true);
    }
    // Every replica that tries says so; the one whose step it was says that, too.
    site.journal.write(op, in_words(&next)).await?;
    let replaced = replace(site, seen.epochs, unsealed, next, &mut system_random()).await?;
    if let Some(Unsealed { ring, .. }) = replaced.as_deref() {
        let (epoch, revision) = (ring.current().epoch, ring.revision());
        tracing::info!(op, epoch, %revision, "took a step of a re-share");
        site.journal.write(done, in_words(ring)).await?;
    }
    Ok(true)
}

/// For the audit.
fn in_words(ring: &KeyRing) -> String {
    format!("set {}, ring revision {}", ring.current().id, ring.revision())
}

/// Rebuilds the root from what the Keepers really hold: before the set before is forgotten, the one
/// in force has shown that it opens the ring.
async fn prove(site: &Site, ring: &KeyRing) -> Result<(), Reason> {
    let which = GetRequest { cluster_id: ring.cluster(), set_id: ring.current().id, witness: None };
    let peers = site.keepers.iter().filter(|peer| ring.current().quorum.has(peer.index));
    let asked = join_all(peers.map(|peer| shard(peer, &which))).await;
    let shards: Vec<Shard> = asked.into_iter().flatten().collect();
    match ring.rebuild(&shards).map(|opened| opened.source) {
        Ok(Source::Current) => Ok(()),
        Ok(_) => Err(unproved("they are of the set before")),
        Err(error) => Err(unproved(&error.to_string())),
    }
}

fn unproved(why: &str) -> Reason {
    let text = format!("the re-share does not settle: the Keepers' shards were tried, and {why}");
    Reason::new("reshare_unproved", text)
}

async fn shard(peer: &Peer, which: &GetRequest) -> Option<Shard> {
    let held = peer.in_time(peer.keeper.get(which)).await;
    let held =
        held.inspect_err(|why| tracing::warn!(keeper = %peer.index, "Keeper: {why}")).ok()?;
    Some(Shard::received(peer.index, held.shard.as_slice().try_into().ok()?))
}
