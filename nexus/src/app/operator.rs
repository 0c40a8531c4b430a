//! Getting recovery shards out, trying them, and a root key back: by role, whatever policies say.
//!
//! What gives or takes a shard is written down before it is begun, and again with how it ended.

use spike_core::{Role, ShareIndex, wire::v2::escrow::Escrow};
use spike_seal::Shard;
use spike_store::CallerHash;

use super::{
    App,
    audited::Trail,
    caller::Caller,
    error::{Error, Result},
};
use crate::boot::{Boot, Drilled, Given, Parcel, Progress, Wanted};

impl App {
    /// Whether the caller may see the status of this replica. Only a refusal is audited: whoever
    /// watches a cluster asks every few seconds.
    pub(crate) async fn may_see_status(&self, caller: &Caller) -> Result<()> {
        if caller.is(Role::Superuser) || caller.is(Role::Operator) {
            return Ok(());
        }
        self.told(Trail::new(caller, "status"), Err(Error::Denied)).await
    }

    /// The recovery shards: for the recover role, which alone names custodians.
    pub(crate) async fn recover(
        &self,
        caller: &Caller,
        boot: &Boot,
        wanted: Result<Wanted>,
    ) -> Result<Given> {
        let mut trail = Trail::new(caller, "operator.recover");
        let result = match only(caller, Role::Recover).and(wanted) {
            Ok(wanted) => self.give(&mut trail, boot, wanted).await,
            Err(error) => Err(error),
        };
        self.witnessed(trail, result).await
    }

    /// The recovery shards of the last set, for a protocol that has no words for encrypted ones.
    pub(crate) async fn recover_plain(&self, caller: &Caller, boot: &Boot) -> Result<Vec<Shard>> {
        let mut trail = Trail::new(caller, "operator.recover");
        let result = match only(caller, Role::Recover) {
            Ok(()) => self.give(&mut trail, boot, Wanted::default()).await.and_then(plain),
            Err(error) => Err(error),
        };
        self.witnessed(trail, result).await
    }

    async fn give(&self, trail: &mut Trail<'_>, boot: &Boot, wanted: Wanted) -> Result<Given> {
        let call = self.unnamed(trail.caller());
        trail.about(&wanted);
        self.announce(trail).await?;
        let given = boot.recover(&call, wanted).await?;
        trail.about(&given);
        Ok(given)
    }

    /// The recovery shards as only their custodians can read them.
    pub(crate) async fn escrow(&self, caller: &Caller, boot: &Boot) -> Result<Escrow> {
        let mut trail = Trail::new(caller, "operator.escrow");
        let result = match any_of(caller, &[Role::Recover, Role::Superuser, Role::Operator]) {
            Ok(()) => boot.escrow(&self.unnamed(caller)).await.map_err(Error::from),
            Err(error) => Err(error),
        };
        if let Ok(escrow) = &result {
            trail.about(&format_args!("set {}", escrow.set));
        }
        self.witnessed(trail, result).await
    }

    /// Whether shards would restore the root key, without restoring it.
    pub(crate) async fn drill(
        &self,
        caller: &Caller,
        boot: &Boot,
        shards: Result<Vec<Shard>>,
    ) -> Result<Drilled> {
        let mut trail = Trail::new(caller, "operator.drill");
        let result = match any_of(caller, &[Role::Restore, Role::Recover]).and(shards) {
            Ok(shards) => self.tried(&mut trail, boot, shards).await,
            Err(error) => Err(error),
        };
        self.witnessed(trail, result).await
    }

    async fn tried(
        &self,
        trail: &mut Trail<'_>,
        boot: &Boot,
        shards: Vec<Shard>,
    ) -> Result<Drilled> {
        let call = self.unnamed(trail.caller());
        trail.about(&named(&shards));
        self.announce(trail).await?;
        let drilled = boot.drill(&call, shards).await?;
        trail.about(&drilled);
        Ok(drilled)
    }

    /// Takes one recovery shard; `None` stands for one that can't be.
    pub(crate) async fn restore_one(
        &self,
        caller: &Caller,
        boot: &Boot,
        shard: Option<(ShareIndex, &[u8; 32])>,
    ) -> Result<Progress> {
        let mut trail = Trail::new(caller, "operator.restore");
        let result = match (only(caller, Role::Restore), shard) {
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(Error::bad("not a recovery shard")),
            (Ok(()), Some((index, shard))) => {
                let call = self.unnamed(caller);
                trail.about(&format_args!("shard {index}"));
                match self.announce(&mut trail).await {
                    Ok(()) => boot.restore_one(&call, index, shard).await.map_err(Error::from),
                    Err(error) => Err(error),
                }
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
        let mut trail = Trail::new(caller, "operator.restore");
        let result = match only(caller, Role::Restore).and(shards) {
            Ok(shards) => {
                let call = self.unnamed(caller);
                trail.about(&named(&shards));
                match self.announce(&mut trail).await {
                    Ok(()) => boot.restore_all(&call, shards).await.map_err(Error::from),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        };
        self.witnessed(trail, result).await
    }

    /// Forgets the recovery shards that came one by one; how many there were.
    pub(crate) async fn reset_restore(&self, caller: &Caller, boot: &Boot) -> Result<u64> {
        let trail = Trail::new(caller, "operator.resetRestore");
        let result = only(caller, Role::Restore).map(|()| boot.reset_restore());
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
    any_of(caller, &[role])
}

fn any_of(caller: &Caller, roles: &[Role]) -> Result<()> {
    if roles.iter().any(|&role| caller.is(role)) { Ok(()) } else { Err(Error::Denied) }
}

/// For the audit.
fn named(shards: &[Shard]) -> String {
    let indices: Vec<_> = shards.iter().map(|shard| shard.index().to_string()).collect();
    format!("shards {}", indices.join(" "))
}

fn plain(given: Given) -> Result<Vec<Shard>> {
    let plain = |parcel| match parcel {
        Parcel::Plain(shard) => Ok(shard),
        Parcel::For { .. } => Err(Error::bad(
            "the recovery shards are encrypted to their custodians: `spike operator recover` or \
             GET /v2/escrow gives them",
        )),
    };
    given.shards.into_iter().map(plain).collect()
}
