//! Keeps the Keepers whole: one that lost its memory has its shard back within an interval.
//!
//! Every Nexus does this for every Keeper, without asking another: the shards are derived from the
//! root, so that repeating is harmless.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::join_all;
use spike_core::{
    Revision, ShareIndex,
    wire::v2::shard::{DropRequest, InForce, PutAs, SetRole, StatusResponse, Witness},
};
use spike_seal::{SealError, Shard, ShardSet};
use tokio::time::sleep;

use super::{
    inspect,
    keepers::{Owner, Peer, Seen, commit_request, holds, look, put_request},
    plan::{self, Step},
    reshare,
    site::Site,
};
use crate::keys::{Reason, Unsealed};

/// So many steps of a re-share are taken in one round: it needs two, and more only if it is changed
/// meanwhile.
const STEPS: u32 = 4;

/// Round after round: one per interval, one soon after policies or ring changed, and more while a
/// re-share is under way, a Keeper lacks its shard or something is wrong with the store.
pub(super) async fn forever(site: &Site) {
    loop {
        let (told, pause) = match round(site).await {
            Ok(witness) if reshare::is_under_way(site) => (witness, site.pace.reshare),
            Ok(witness) if lacks_a_shard(site) => (witness, site.pace.lack),
            Ok(witness) => (witness, site.interval),
            Err(_) => (site.known(), site.pace.trouble),
        };
        tokio::select! {
            () = sleep(site.interval.min(pause)) => {}
            () = site.watermark.above(told.policies) => sleep(site.pace.tell).await,
            () = site.keys.above(Revision(told.ring)) => sleep(site.pace.tell).await,
        }
    }
}

/// True if a Keeper of the ring didn't hold the current set when it was asked last.
fn lacks_a_shard(site: &Site) -> bool {
    let shares = |unsealed: Arc<Unsealed>| usize::from(unsealed.ring.current().quorum.shares());
    site.keys.open().is_some_and(|unsealed| site.board.holding() < shares(unsealed))
}

/// Makes every Keeper whole and takes a re-share as far as it goes; returns what each was told.
pub(super) async fn round(site: &Site) -> Result<Witness, Reason> {
    let mut tended = tend(site).await?;
    for _ in 0..STEPS {
        if !reshare::advance(site, &tended).await? {
            break;
        }
        tended = tend(site).await?;
    }
    Ok(tended.told)
}

/// What came of looking after all Keepers.
pub(super) struct Tended {
    /// Under which keys.
    pub(super) unsealed: Arc<Unsealed>,
    /// What the Keepers hold now; those that don't answer aren't here.
    pub(super) statuses: BTreeMap<ShareIndex, StatusResponse>,
    told: Witness,
}

/// Looks at every Keeper and gives it what it lacks.
///
/// The ring is read **after** the Keepers were asked: a set that a Keeper had and that the ring
/// doesn't name then is one of the past, never one that is just being made.
pub(super) async fn tend(site: &Site) -> Result<Tended, Reason> {
    let sights = look(&site.keepers).await;
    let looked = inspect::documents(site).await;
    match &looked {
        Ok(_) => site.trouble.clear(),
        Err(reason) => site.trouble.set(reason.clone()),
    }
    let unsealed = looked?;

    let current = dealt(&unsealed, Some(unsealed.ring.current()))?;
    let next = dealt(&unsealed, unsealed.ring.reshare_to())?;
    let told = site.witness(unsealed.ring.revision());
    let round = Round { site, unsealed: &unsealed, witness: told.capped(), current, next };
    let statuses = join_all(sights.into_iter().map(|(peer, sight)| round.tend(peer, sight))).await;
    let statuses = statuses.into_iter().flatten().map(|status| (status.index, status)).collect();
    Ok(Tended { unsealed, statuses, told })
}

/// The shards of a set by their index.
fn dealt(unsealed: &Unsealed, set: Option<&ShardSet>) -> Result<Vec<Shard>, Reason> {
    let broken = |error: SealError| Reason::new("internal", error.to_string());
    let deal = |set: &ShardSet| set.deal(unsealed.ring.cluster(), &unsealed.root);
    set.map_or(Ok(Vec::new()), |set| deal(set).map_err(broken))
}

struct Round<'a> {
    site: &'a Site,
    unsealed: &'a Unsealed,
    witness: Witness,
    /// The shards of the current set.
    current: Vec<Shard>,
    /// Those of the pending one, if there is one.
    next: Vec<Shard>,
}

impl Round<'_> {
    /// What the Keeper holds afterwards.
    async fn tend(
        &self,
        peer: Peer,
        sight: Result<StatusResponse, String>,
    ) -> Option<StatusResponse> {
        let seen = match sight {
            Err(flaw) => Seen { status: None, flaw: Some(flaw), current: false },
            Ok(status) => self.make_whole(&peer, status).await,
        };
        let status = seen.status.clone();
        self.site.board.note(&peer, seen);
        status
    }

    async fn make_whole(&self, peer: &Peer, status: StatusResponse) -> Seen {
        let ring = &self.unsealed.ring;
        let todo = plan::rehydrate(ring, &status, self.witness);
        let mut flaw = todo.flaw.map(str::to_owned);
        for step in &todo.steps {
            if let Err(why) = self.carry_out(peer, step).await {
                flaw = Some(why);
                break;
            }
        }
        // What it took it may have lost already: only its own word counts.
        let asked = if todo.steps.is_empty() { Ok(status) } else { peer.status().await };
        match asked {
            Ok(status) => {
                let current = holds(&status, ring.cluster(), ring.current(), SetRole::Current);
                Seen { status: Some(status), flaw, current }
            }
            Err(gone) => Seen { status: None, flaw: flaw.or(Some(gone)), current: false },
        }
    }

    async fn carry_out(&self, peer: &Peer, step: &Step) -> Result<(), String> {
        match *step {
            Step::Put(PutAs::Current) => {
                let set = self.unsealed.ring.current();
                self.put(peer, set, &self.current, PutAs::Current).await
            }
            Step::Put(PutAs::Pending) => {
                let set = self.unsealed.ring.reshare_to().ok_or("no re-share is under way")?;
                self.put(peer, set, &self.next, PutAs::Pending).await
            }
            Step::Commit => {
                let ring = &self.unsealed.ring;
                let request = commit_request(ring.cluster(), ring.current(), self.witness);
                peer.in_time(peer.keeper.commit(&request)).await
            }
            Step::Forget(set_id) => {
                let ring = &self.unsealed.ring;
                let ShardSet { epoch, quorum, .. } = *ring.current();
                let in_force = Some(InForce { epoch, shares: quorum.shares() });
                let request = DropRequest { cluster_id: ring.cluster(), set_id, in_force };
                peer.in_time(peer.keeper.forget(&request)).await
            }
        }
    }

    async fn put(
        &self,
        peer: &Peer,
        set: &ShardSet,
        shards: &[Shard],
        put_as: PutAs,
    ) -> Result<(), String> {
        let ring = &self.unsealed.ring;
        let shard = shards.get(peer.index.ordinal()).ok_or("the key ring has no such shard")?;
        let owner = Owner { cluster: ring.cluster(), instance: ring.instance() };
        let request = put_request(owner, set, shard, put_as, self.witness);
        peer.in_time(peer.keeper.put(&request)).await?;
        tracing::info!(keeper = %peer.index, epoch = set.epoch, ?put_as, "gave a Keeper its shard");
        Ok(())
    }
}
