//! The client of one Keeper.

use std::time::Duration;

use spike_core::{Roles, ShareIndex};
use spike_identity::{Expected, Identity};
use url::Url;

use crate::{ClientError, transport::Transport};

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
}
