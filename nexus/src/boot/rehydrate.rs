//! Keeps the Keepers whole: one that lost its memory has its shard back within an interval.
//!
//! Every Nexus does this for every Keeper, without asking another: the shards are derived from the
//! root, so that repeating is harmless.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::join_all;
use spike_core::{
    ShareIndex,
    wire::v2::shard::{DropRequest, PutAs, SetRole, StatusResponse, Witness},
};
use spike_seal::Shard;
use tokio::time::sleep;

use super::{
    inspect,
    keepers::{Owner, Peer, Seen, commit_request, holds, look, put_request},
    plan::{self, Step},
    site::Site,
};
use crate::keys::{Reason, Unsealed};

/// Round after round: one per interval, one soon after the policies changed, and more while
/// something is wrong with the store.
pub(super) async fn forever(site: &Site) {
    loop {
        let (told, pause) = match round(site).await {
            Ok(witness) => (witness.policies, site.interval),
            Err(_) => (site.watermark.get(), site.interval.min(site.pace.trouble)),
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = site.watermark.above(told) => sleep(site.pace.tell).await,
        }
    }
}

/// Looks at every Keeper and gives it what it lacks; returns what each was told.
///
/// The ring is read **after** the Keepers were asked: a set that a Keeper had and that the ring
/// doesn't name then is one of the past, never one that is just being made.
pub(super) async fn round(site: &Site) -> Result<Witness, Reason> {
    let sights = look(&site.keepers).await;
    let looked = inspect::documents(site).await;
    match &looked {
        Ok(_) => site.trouble.clear(),
        Err(reason) => site.trouble.set(reason.clone()),
    }
    let unsealed = looked?;

    let shards = unsealed.ring.deal(&unsealed.root);
    let shards = shards.map_err(|error| Reason::new("internal", error.to_string()))?;
    let shards: BTreeMap<ShareIndex, &Shard> = shards.iter().map(|s| (s.index(), s)).collect();
    let witness = site.witness(unsealed.ring.revision());
    let round = Round { site, unsealed, witness: witness.capped(), shards };
    join_all(sights.into_iter().map(|(peer, sight)| round.tend(peer, sight))).await;
    Ok(witness)
}

struct Round<'a> {
    site: &'a Site,
    unsealed: Arc<Unsealed>,
    witness: Witness,
    shards: BTreeMap<ShareIndex, &'a Shard>,
}

impl Round<'_> {
    async fn tend(&self, peer: Peer, sight: Result<StatusResponse, String>) {
        let seen = match sight {
            Err(flaw) => Seen { status: None, flaw: Some(flaw), current: false },
            Ok(status) => self.make_whole(&peer, status).await,
        };
        self.site.board.note(&peer, seen);
    }

    async fn make_whole(&self, peer: &Peer, status: StatusResponse) -> Seen {
        let ring = &self.unsealed.ring;
        let todo = plan::rehydrate(ring, &status, self.witness);
        let mut current = holds(&status, ring.cluster(), ring.current(), SetRole::Current);
        let mut flaw = todo.flaw.map(str::to_owned);
        for step in &todo.steps {
            match self.carry_out(peer, step).await {
                Ok(()) => current |= !matches!(step, Step::Forget(_)),
                Err(why) => {
                    flaw = Some(why);
                    break;
                }
            }
        }
        Seen { status: Some(status), flaw, current }
    }

    async fn carry_out(&self, peer: &Peer, step: &Step) -> Result<(), String> {
        let ring = &self.unsealed.ring;
        let (cluster, set) = (ring.cluster(), ring.current());
        match step {
            Step::Put => {
                let shard = self.shards.get(&peer.index).ok_or("the key ring has no such shard")?;
                let owner = Owner { cluster, instance: ring.instance() };
                let request = put_request(owner, set, shard, PutAs::Current, self.witness);
                peer.in_time(peer.keeper.put(&request)).await?;
                tracing::info!(keeper = %peer.index, epoch = set.epoch, "gave a Keeper its shard");
                Ok(())
            }
            Step::Commit => {
                let request = commit_request(cluster, set, self.witness);
                peer.in_time(peer.keeper.commit(&request)).await
            }
            Step::Forget(set_id) => {
                let request = DropRequest { cluster_id: cluster, set_id: *set_id };
                peer.in_time(peer.keeper.forget(&request)).await
            }
        }
    }
}
