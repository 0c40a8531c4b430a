//! The client of one Keeper.

use std::time::Duration;

use spike_core::{
    Roles, ShareIndex,
    wire::v2::shard::{
        CommitRequest, DropRequest, GetRequest, GetResponse, PutRequest, StatusResponse,
    },
};
use spike_identity::{Expected, Identity};
use url::Url;

use crate::{ClientError, transport::Transport, v2};

/// How long a call to a Keeper may take. It answers from memory; a start waits for all of them.
const DEADLINE: Duration = Duration::from_secs(5);

/// A client of the Keeper that holds one shard.
#[derive(Debug)]
pub struct KeeperClient {
    transport: Transport,
    index: ShareIndex,
}

impl KeeperClient {
    /// A client that talks only to the Keeper of shard `index`. Nothing is connected yet.
    pub fn new(
        identity: &Identity,
        url: Url,
        roles: &Roles,
        index: ShareIndex,
    ) -> Result<Self, ClientError> {
        let roles = roles.clone();
        let keeper = Expected::matching(
            move |id| roles.is_keeper_of(id, index),
            format!("the Keeper of shard {index}"),
        );
        Ok(Self { transport: Transport::new(url, identity, keeper, DEADLINE)?, index })
    }

    /// Which shard its Keeper holds.
    pub fn index(&self) -> ShareIndex {
        self.index
    }

    /// Gives the Keeper a shard.
    pub async fn put(&self, shard: &PutRequest) -> Result<(), ClientError> {
        v2::tell(&self.transport, "/v2/shard:put", shard).await
    }

    /// Takes the Keeper's shard of a set. [`ClientError::NotFound`] if it holds none of that set.
    ///
    /// The shard is as the Keeper gave it: compare its digest before using it.
    pub async fn get(&self, which: &GetRequest) -> Result<GetResponse, ClientError> {
        v2::post(&self.transport, "/v2/shard:get", which).await
    }

    /// What the Keeper holds; never a bit of a shard.
    pub async fn status(&self) -> Result<StatusResponse, ClientError> {
        v2::post(&self.transport, "/v2/shard:status", &serde_json::Map::new()).await
    }

    /// Makes the Keeper's pending set its current one.
    pub async fn commit(&self, which: &CommitRequest) -> Result<(), ClientError> {
        v2::tell(&self.transport, "/v2/shard:commit", which).await
    }

    /// Makes the Keeper forget a set.
    pub async fn drop_set(&self, which: &DropRequest) -> Result<(), ClientError> {
        v2::tell(&self.transport, "/v2/shard:drop", which).await
    }
}
