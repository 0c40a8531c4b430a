//! Everything an operator wants to know of a replica, and no secret.

use spike_audit::PublicKeys;
use spike_core::wire::v2::{
    keys::{AuditKey, KeySet, KeysResponse},
    status::{Audit, Escrow, Keys, Memory, Policies, RingState, Status, Store as StoreStatus},
};
use spike_runtime::probes::Probe;
use spike_seal::{KeyRing, RingKeys, ShardSet, memory};
use zeroize::Zeroizing;

use crate::{
    boot::Boot,
    keys::Unsealed,
    nexus::{Nexus, wire},
    pulse::Beat,
};

/// The state of this replica and of what it sees.
pub(crate) fn status(nexus: &Nexus) -> Status {
    let health = nexus.health();
    let advice = nexus.advice().into_iter().map(wire);
    let reasons = health.reasons.into_iter().chain(advice).collect();
    let open = nexus.keys.open();
    let audit = nexus.audit.status();
    let locked = memory::all_locked();
    Status {
        status: health.status,
        reasons,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        replica: nexus.replica.clone(),
        cluster_id: open.as_ref().map(|unsealed| unsealed.ring.cluster()),
        keys: open.as_deref().map(|unsealed| keys(&nexus.boot, unsealed)),
        keepers: nexus.boot.keepers(),
        store: store(nexus),
        policies: Policies { counter: policy_counter(nexus) },
        audit: Audit {
            sink: audit.sink.to_owned(),
            last_seq: audit.last_seq,
            failures: audit.failures,
            keys: audit.keys.to_string(),
        },
        memory: Memory { locked, detail: if locked { String::new() } else { UNLOCKED.to_owned() } },
    }
}

const UNLOCKED: &str = "keys could not be locked into memory: raise RLIMIT_MEMLOCK";

fn keys(boot: &Boot, unsealed: &Unsealed) -> Keys {
    let ring = &unsealed.ring;
    let current = ring.current();
    Keys {
        revision: ring.revision().0,
        state: RingState::Active,
        epoch: current.epoch,
        root_epoch: ring.root_epoch(),
        attempt: current.attempt,
        generation: current.generation,
        set_id: current.id,
        shares: current.quorum.shares(),
        threshold: current.quorum.threshold(),
        pending: ring.pending().map(|side| set(boot, ring, &side.set)),
        previous: ring.previous().map(|side| set(boot, ring, &side.set)),
        escrow: ring.escrow().map(|escrow| Escrow {
            set: escrow.set,
            shares: escrow.quorum.shares(),
            threshold: escrow.quorum.threshold(),
            encrypted: !escrow.recipients.is_empty(),
        }),
    }
}

/// The key ring, and what the Keepers that were asked last have of it.
pub(crate) fn ring(boot: &Boot, unsealed: &Unsealed) -> KeysResponse {
    let ring = &unsealed.ring;
    KeysResponse {
        cluster_id: ring.cluster(),
        revision: ring.revision().0,
        root_epoch: ring.root_epoch(),
        current: set(boot, ring, ring.current()),
        pending: ring.pending().map(|side| set(boot, ring, &side.set)),
        previous: ring.previous().map(|side| set(boot, ring, &side.set)),
        audit_keys: audit_keys(&unsealed.keys),
    }
}

fn set(boot: &Boot, ring: &KeyRing, set: &ShardSet) -> KeySet {
    KeySet {
        epoch: set.epoch,
        attempt: set.attempt,
        generation: set.generation,
        set_id: set.id,
        shares: set.quorum.shares(),
        threshold: set.quorum.threshold(),
        keepers: boot.holders(ring.cluster(), set),
    }
}

fn audit_keys(keys: &RingKeys) -> Vec<AuditKey> {
    let public = keys.audit_keys().map(|(id, seed, active)| {
        let key = spike_audit::public_key(&Zeroizing::new(*seed));
        AuditKey { key: PublicKeys::from_iter([(id, key)]).to_string(), active }
    });
    public.collect()
}

/// The store is asked every second; what this replica has read since may be newer.
fn policy_counter(nexus: &Nexus) -> Option<u64> {
    let stored = nexus.pulse.latest().as_ref().as_ref().ok().map(|beat| beat.policies);
    stored.max(Some(nexus.app.policy_counter()).filter(|read| *read > 0))
}

fn store(nexus: &Nexus) -> StoreStatus {
    let kind = nexus.store_kind.to_owned();
    match nexus.pulse.latest().as_ref() {
        Ok(Beat { health, .. }) => StoreStatus {
            kind,
            schema: Some(health.schema),
            server_version: Some(health.server_version.clone()),
            reachable: true,
            error: None,
        },
        Err(why) => StoreStatus {
            kind,
            schema: None,
            server_version: None,
            reachable: false,
            error: Some(why.clone()),
        },
    }
}
