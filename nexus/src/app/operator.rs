//! Getting recovery shards out, and a root key back: by role, whatever policies say.

use spike_core::{Role, ShareIndex};
use spike_seal::Shard;
use spike_store::CallerHash;

use super::{
    App,
    audited::Trail,
    caller::Caller,
    error::{Error, Result},
};
use crate::boot::{Boot, Progress};

impl App {
    /// Whether the caller may see the status of this replica. Only a refusal is audited: whoever
    /// watches a cluster asks every few seconds.
    pub(crate) async fn may_see_status(&self, caller: &Caller) -> Result<()> {
        if caller.is(Role::Superuser) || caller.is(Role::Operator) {
            return Ok(());
        }
        self.told(Trail::new(caller, "status"), Err(Error::Denied)).await
    }

    /// The recovery shards.
    pub(crate) async fn recover(&self, caller: &Caller, boot: &Boot) -> Result<Vec<Shard>> {
        let trail = Trail::new(caller, "operator.recover");
        let result = match only(caller, Role::Recover) {
            Ok(()) => boot.recover(&self.unnamed(caller)).await.map_err(Error::from),
            Err(error) => Err(error),
        };
        self.witnessed(trail, result).await
    }

    /// Takes one recovery shard; `None` stands for one that can't be.
    pub(crate) async fn restore_one(
        &self,
        caller: &Caller,
        boot: &Boot,
        shard: Option<(ShareIndex, &[u8; 32])>,
    ) -> Result<Progress> {
        let trail = Trail::new(caller, "operator.restore");
        let result = match (only(caller, Role::Restore), shard) {
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(Error::bad("not a recovery shard")),
            (Ok(()), Some((index, shard))) => {
                let call = self.unnamed(caller);
                boot.restore_one(&call, index, shard).await.map_err(Error::from)
            }
        };
        self.witnessed(trail, result).await
    }

    /// Takes all recovery shards.
    pub(crate) async fn restore_all(
        &self,
        caller: &Caller,
        boot: &Boot,
        shards: Result<Vec<Shard>>,
    ) -> Result<Progress> {
        let trail = Trail::new(caller, "operator.restore");
        let result = match only(caller, Role::Restore).and(shards) {
            Ok(shards) => {
                let call = self.unnamed(caller);
                boot.restore_all(&call, shards).await.map_err(Error::from)
            }
            Err(error) => Err(error),
        };
        self.witnessed(trail, result).await
    }

    /// Takes a store as it is that is known to have been newer: ring revision and policy counter
    /// after that.
    pub(crate) async fn accept_rollback(&self, caller: &Caller, boot: &Boot) -> Result<(u64, u64)> {
        let trail = Trail::new(caller, "operator.acceptRollback");
        let result = match only(caller, Role::Restore) {
            Ok(()) => boot.accept_rollback(&self.unnamed(caller)).await.map_err(Error::from),
            Err(error) => Err(error),
        };
        self.witnessed(trail, result).await
    }

    /// A call for which there may be no key to name the caller with.
    pub(super) fn unnamed(&self, caller: &Caller) -> spike_store::Call {
        let hash = self.known().map_or(CallerHash([0; 32]), |known| known.names(caller));
        caller.call(hash, None)
    }
}

/// A role is read from the SPIFFE ID alone, so this decides without keys.
fn only(caller: &Caller, role: Role) -> Result<()> {
    if caller.is(role) { Ok(()) } else { Err(Error::Denied) }
}
