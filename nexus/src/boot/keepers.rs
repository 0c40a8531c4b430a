//! The Keepers, as far as one Nexus can see them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures::future::join_all;
use jiff::Timestamp;
use spike_client::{ClientError, KeeperClient};
use spike_core::{
    ClusterId, Instance, Roles, ShardDigest, ShareIndex,
    wire::v2::{
        keys::Holder,
        shard::{
            CommitRequest, DropRequest, Frame, GetRequest, GetResponse, PutAs, PutRequest, SetRole,
            StatusResponse, Witness,
        },
        status::Keeper as KeeperStatus,
    },
};
use spike_identity::Identity;
use spike_seal::{Shard, ShardSet};
use url::Url;

use super::site::Pace;

/// What the boot asks of a Keeper: a joint, so that tests can crash and delay one.
#[async_trait]
pub(super) trait Keeper: Send + Sync {
    async fn put(&self, shard: &PutRequest) -> Result<(), ClientError>;
    async fn get(&self, which: &GetRequest) -> Result<GetResponse, ClientError>;
    async fn status(&self) -> Result<StatusResponse, ClientError>;
    async fn commit(&self, which: &CommitRequest) -> Result<(), ClientError>;
    async fn forget(&self, which: &DropRequest) -> Result<(), ClientError>;
}

#[async_trait]
impl Keeper for KeeperClient {
    async fn put(&self, shard: &PutRequest) -> Result<(), ClientError> {
        Self::put(self, shard).await
    }

    async fn get(&self, which: &GetRequest) -> Result<GetResponse, ClientError> {
        Self::get(self, which).await
    }

    async fn status(&self) -> Result<StatusResponse, ClientError> {
        Self::status(self).await
    }

    async fn commit(&self, which: &CommitRequest) -> Result<(), ClientError> {
        Self::commit(self, which).await
    }

    async fn forget(&self, which: &DropRequest) -> Result<(), ClientError> {
        self.drop_set(which).await
    }
}

/// A Keeper and where it should be.
#[derive(Clone)]
pub(super) struct Peer {
    pub(super) index: ShareIndex,
    pub(super) url: Url,
    pub(super) keeper: Arc<dyn Keeper>,
    /// How long it may take to answer.
    pub(super) patience: Duration,
}

impl Peer {
    /// One per URL; its place in the list is its index.
    pub(super) fn all(
        identity: &Identity,
        roles: &Roles,
        urls: Vec<Url>,
    ) -> Result<Vec<Self>, ClientError> {
        let indices = (1..=u8::MAX).filter_map(ShareIndex::new);
        urls.into_iter()
            .zip(indices)
            .map(|(url, index)| {
                let client = KeeperClient::new(identity, url.clone(), roles, index)?;
                let patience = Pace::USUAL.ask;
                Ok(Self { index, url, keeper: Arc::new(client), patience })
            })
            .collect()
    }

    /// Names the Keeper in a message.
    pub(super) fn name(&self) -> String {
        format!("Keeper {} ({})", self.index, self.url)
    }

    /// Waits for its answer, but not for ever.
    pub(super) async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, String> {
        match tokio::time::timeout(self.patience, answer).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {:?}", self.patience)),
        }
    }

    /// Its status, or why there is none. The answer of another Keeper than wanted is none.
    pub(super) async fn status(&self) -> Result<StatusResponse, String> {
        let status = self.in_time(self.keeper.status()).await?;
        if status.index == self.index {
            Ok(status)
        } else {
            let found = status.index;
            Err(format!("it holds shard {found}: check the order of SPIKE_NEXUS_KEEPER_PEERS"))
        }
    }
}

/// What every Keeper answered.
pub(super) type Sights = Vec<(Peer, Result<StatusResponse, String>)>;

/// Asks all Keepers at once.
pub(super) async fn look(peers: &[Peer]) -> Sights {
    let asked = peers.iter().map(|peer| async { (peer.clone(), peer.status().await) });
    join_all(asked).await
}

/// The highest counters that any of the Keepers remembers, each by itself.
pub(super) fn witness(sights: &Sights) -> Witness {
    let statuses = sights.iter().filter_map(|(_, sight)| sight.as_ref().ok());
    statuses.filter_map(believable).fold(Witness::default(), Witness::max)
}

/// What a Keeper remembers, unless it can't have been seen: then somebody lied to it.
pub(super) fn believable(status: &StatusResponse) -> Option<Witness> {
    Some(status.witness).filter(|witness| witness.is_possible())
}

/// Of a Keeper that somebody lied to.
pub(super) const IMPOSSIBLE: &str =
    "it remembers counters that no store can have, and is not believed; restart it";

/// What a set of shards belongs to.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) cluster: ClusterId,
    pub(super) instance: Option<&'a Instance>,
}

/// Gives a Keeper a shard of `set`.
pub(super) fn put_request(
    owner: Owner<'_>,
    set: &ShardSet,
    shard: &Shard,
    put_as: PutAs,
    witness: Witness,
) -> PutRequest {
    let frame = Frame {
        instance: owner.instance.cloned(),
        cluster_id: owner.cluster,
        set_id: set.id,
        epoch: set.epoch,
        attempt: set.attempt,
        shares: set.quorum.shares(),
        threshold: set.quorum.threshold(),
        index: shard.index(),
        digest: set.split(owner.cluster).digest(shard.index(), shard.expose()),
    };
    PutRequest { frame, shard: shard.expose().to_vec().into(), put_as, witness }
}

/// Commits `set`.
pub(super) fn commit_request(
    cluster: ClusterId,
    set: &ShardSet,
    witness: Witness,
) -> CommitRequest {
    let (epoch, attempt) = (set.epoch, set.attempt);
    CommitRequest { cluster_id: cluster, set_id: set.id, epoch, attempt, witness }
}

/// The digest that a Keeper's shard of `set` must have.
pub(super) fn digest_of(set: &ShardSet, index: ShareIndex) -> Option<ShardDigest> {
    set.digests.get(index.ordinal()).copied()
}

/// What was seen last of each Keeper: for status and metrics, never for a decision.
#[derive(Default)]
pub(super) struct Board(Mutex<BTreeMap<ShareIndex, (Timestamp, Seen)>>);

/// What was seen of one Keeper.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// What it holds, if it answered.
    pub(super) status: Option<StatusResponse>,
    /// What is wrong with it.
    pub(super) flaw: Option<String>,
    /// It holds the ring's current set as such, with the right digest.
    pub(super) current: bool,
}

impl Board {
    /// Notes what was seen, and logs what is new.
    pub(super) fn note(&self, peer: &Peer, seen: Seen) {
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = board.get(&peer.index).and_then(|(_, seen)| seen.flaw.as_ref());
        match (before, &seen.flaw) {
            (Some(before), Some(now)) if before == now => {}
            (_, Some(flaw)) => {
                tracing::warn!(keeper = %peer.index, url = %peer.url, "Keeper: {flaw}");
            }
            (Some(_), None) => {
                tracing::info!(keeper = %peer.index, url = %peer.url, "Keeper: well again");
            }
            (None, None) => {}
        }
        board.insert(peer.index, (Timestamp::now(), seen));
    }

    /// How many held the ring's current set when they were asked last.
    pub(super) fn holding(&self) -> usize {
        let board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        board.values().filter(|(_, seen)| seen.current).count()
    }

    /// What each Keeper that answered held when it was asked last.
    pub(super) fn statuses(&self) -> BTreeMap<ShareIndex, StatusResponse> {
        let board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = |(index, (_, seen)): (&ShareIndex, &(Timestamp, Seen))| {
            Some((*index, seen.status.clone()?))
        };
        board.iter().filter_map(answered).collect()
    }

    /// The Keepers' parts in a set.
    pub(super) fn holders(&self, cluster: ClusterId, set: &ShardSet) -> Vec<Holder> {
        let statuses = self.statuses();
        let roles = [SetRole::Current, SetRole::Pending, SetRole::Previous];
        let part = |index| {
            let status = statuses.get(&index);
            let has = |role: &SetRole| status.is_some_and(|s| holds(s, cluster, set, *role));
            Holder { index, holds: roles.into_iter().find(has) }
        };
        set.quorum.indices().map(part).collect()
    }

    /// The table for status.
    pub(super) fn of(&self, peers: &[Peer]) -> Vec<KeeperStatus> {
        let board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let row = |peer: &Peer| {
            let noted = board.get(&peer.index);
            let seen = noted.map(|(_, seen)| seen);
            let status = seen.and_then(|seen| seen.status.as_ref());
            KeeperStatus {
                index: peer.index,
                url: peer.url.to_string(),
                reachable: status.is_some(),
                error: seen.and_then(|seen| seen.flaw.clone()),
                holds: status.map_or_else(Vec::new, |status| status.sets.clone()),
                current: seen.is_some_and(|seen| seen.current),
                checked_at: noted.map(|(at, _)| *at),
            }
        };
        peers.iter().map(row).collect()
    }
}

/// True if the Keeper holds the set under that role with the ring's own digest.
pub(super) fn holds(
    status: &StatusResponse,
    cluster: ClusterId,
    set: &ShardSet,
    role: SetRole,
) -> bool {
    status.sets.iter().any(|held| {
        held.role == role
            && held.set_id == set.id
            && held.cluster_id == cluster
            && Some(held.digest) == digest_of(set, status.index)
    })
}
