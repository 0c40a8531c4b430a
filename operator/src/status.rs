//! What a cluster is, in a status and its conditions. Pure.
//!
//! Conditions follow kstatus: `Ready` says whether secrets are served; `Reconciling` and `Stalled`
//! are there only while they are true of something.

mod conditions;
mod deed;
mod failure;
#[cfg(test)]
mod tests;
mod trouble;
mod words;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::DynamicObject;
use serde_json::{Map, Value, json};
use spike_crds::{
    SpikeCluster,
    cluster::{
        KeeperStatus, NexusStatus, RecoveryStatus, RolloutStatus, RootKeyStatus,
        SpikeClusterStatus, StoreStatus,
    },
};

use crate::{
    cluster::Cluster,
    names::Part,
    observe::{Live, ring::newest},
    plan::{EscrowLook, Keepers, Observed, RingLook, Step, Wait, Wish},
    validate::Invalid,
    version,
};

pub(crate) use deed::{Deed, deed};
pub use failure::Failure;
pub use words::sentence;
pub(crate) use words::{KEEPERS_SCALED, scaled_by_hand};

/// The reason of an object that isn't a `SpikeCluster` to this operator.
pub(crate) const UNREADABLE: &str = "Unreadable";

/// What a status is made of.
pub struct Seen<'a> {
    /// The object, with the status that it has.
    pub spec: &'a SpikeCluster,
    /// What it asks for.
    pub cluster: &'a Cluster,
    /// What was read.
    pub live: &'a Live,
    /// What that comes to.
    pub observed: &'a Observed,
    /// What is asked for, as the plan takes it.
    pub wish: &'a Wish,
    /// What is done about it.
    pub step: &'a Step,
    /// Why that could not be done.
    pub failure: Option<&'a Failure>,
    /// When.
    pub now: Timestamp,
}

/// The status of a spec that can't work.
pub fn invalid(spec: &SpikeCluster, invalid: &Invalid, now: Timestamp) -> SpikeClusterStatus {
    let previous = spec.status.clone().unwrap_or_default();
    let conditions = conditions::invalid(invalid);
    SpikeClusterStatus {
        observed_generation: spec.metadata.generation,
        conditions: dated(spec.metadata.generation, conditions, &previous.conditions, now),
        ..previous
    }
}

/// The status of a cluster that can't be looked at: what was last seen, and that.
pub(crate) fn unseen(spec: &SpikeCluster, why: &Failure, now: Timestamp) -> SpikeClusterStatus {
    let mut status = spec.status.clone().unwrap_or_default();
    let said = conditions::unseen(why);
    let said = dated(spec.metadata.generation, vec![said], &status.conditions, now);
    status.conditions.retain(|before| said.iter().all(|now| now.type_ != before.type_));
    status.conditions.extend(said);
    status
}

/// What a cluster is stalled by, if that is another thing than before: told once, not at every look.
pub(crate) fn newly_stalled<'a>(
    before: Option<&SpikeClusterStatus>,
    after: &'a SpikeClusterStatus,
) -> Option<&'a Condition> {
    let now = stalled(after)?;
    let was = before.and_then(stalled);
    was.is_none_or(|was| was.reason != now.reason).then_some(now)
}

fn stalled(status: &SpikeClusterStatus) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.type_ == "Stalled")
}

/// A patch for an object that can't be read; none if its status says so already.
///
/// Other conditions are of a time when it could be: they go.
pub(crate) fn unreadable(live: &DynamicObject, why: &str, now: Timestamp) -> Option<Value> {
    let before = live.data.pointer("/status/conditions").cloned().unwrap_or_default();
    let before: Vec<Condition> = serde_json::from_value(before).unwrap_or_default();
    let generation = live.metadata.generation;
    let conditions = dated(generation, conditions::unreadable(why), &before, now);
    (before != conditions).then(|| {
        let status = json!({"observedGeneration": generation, "conditions": conditions});
        json!({"metadata": {"resourceVersion": live.metadata.resource_version}, "status": status})
    })
}

/// The status of a cluster.
pub fn build(seen: &Seen<'_>) -> SpikeClusterStatus {
    let Seen { spec, cluster, live, observed, .. } = seen;
    let previous = spec.status.clone().unwrap_or_default();
    let store = newest(&live.statuses).map(|(status, _)| status);
    let store = store.or_else(|| live.statuses.first().map(|(_, status)| status));
    let shares = observed.last_quorum.map_or(cluster.shares, |(shares, _)| shares);
    let shares = ring(observed).map_or(shares, |(shares, _)| shares);
    let has_keepers = cluster.keepers() > 0;
    // Where there was a root key, only a Nexus knows which shards are held.
    let is_known = !live.statuses.is_empty() || observed.last_quorum.is_none();
    SpikeClusterStatus {
        observed_generation: spec.metadata.generation,
        version: version::join(live.statuses.iter().map(|(_, s)| s.version.clone()))
            .or(previous.version),
        image: Some(cluster.image.reference.clone()),
        nexus: Some(nexus(cluster, live, observed)),
        keeper: has_keepers.then(|| keeper(live, observed)),
        shards: (has_keepers && is_known).then(|| format!("{}/{shares}", observed.hydrated())),
        root_key: root_key(seen).or(previous.root_key),
        recovery: recovery(seen, previous.recovery),
        rollout: rollout(seen),
        store: Some(StoreStatus {
            kind: cluster.store.kind().to_owned(),
            schema_version: store.and_then(|s| s.store.schema).map(i64::from),
            server_version: store.and_then(|s| s.store.server_version.clone()),
        }),
        conditions: dated(
            spec.metadata.generation,
            conditions::all(seen),
            &previous.conditions,
            seen.now,
        ),
    }
}

/// True while Keepers are replaced: one cluster does so at a time.
pub fn rolls(wish: &Wish, observed: &Observed) -> bool {
    let wished = &wish.keeper_template;
    let stale = |set: &Keepers| {
        set.bad.as_ref() != Some(wished)
            && (set.template != *wished
                || observed.keeper_pods.iter().any(|pod| pod.template != set.template))
    };
    matches!(observed.ring, RingLook::Open(_)) && observed.keepers.as_ref().is_some_and(stale)
}

fn ring(observed: &Observed) -> Option<(u8, u8)> {
    match &observed.ring {
        RingLook::Open(ring) => Some((ring.shares, ring.threshold)),
        _ => None,
    }
}

fn nexus(cluster: &Cluster, live: &Live, observed: &Observed) -> NexusStatus {
    let ready = live.nexus.iter().filter(|pod| pod.ready).count();
    NexusStatus {
        replicas: count(live.nexus.len()),
        ready: count(ready),
        unsealed: count(observed.unsealed()),
        selector: cluster.names.query(Part::Nexus),
    }
}

fn keeper(live: &Live, observed: &Observed) -> KeeperStatus {
    KeeperStatus {
        replicas: count(live.keepers.len()),
        ready: count(live.keepers.iter().filter(|pod| pod.ready).count()),
        hydrated: count(observed.hydrated()),
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn root_key(seen: &Seen<'_>) -> Option<RootKeyStatus> {
    let (status, keys) = newest(&seen.live.statuses)?;
    let before = seen.spec.status.as_ref().and_then(|status| status.root_key.as_ref());
    Some(RootKeyStatus {
        cluster_id: status.cluster_id?.to_string(),
        epoch: Some(keys.epoch.into()),
        root_epoch: Some(keys.root_epoch.into()),
        set_id: Some(keys.set_id.to_string()),
        generation: i64::try_from(keys.generation).ok(),
        shares: Some(keys.shares.into()),
        threshold: Some(keys.threshold.into()),
        bootstrapped_at: before
            .and_then(|root| root.bootstrapped_at.clone())
            .or_else(|| Some(Time(whole_second(seen.now)))),
    })
}

/// Where custodians find their shards; what was known before while nobody can say.
fn recovery(seen: &Seen<'_>, before: Option<RecoveryStatus>) -> Option<RecoveryStatus> {
    let Some((_, keys)) = newest(&seen.live.statuses) else { return before };
    keys.escrow.as_ref().map(|given| {
        let kept = seen.live.escrow.as_ref();
        let kept = kept.filter(|_| seen.observed.escrow == EscrowLook::Kept);
        RecoveryStatus {
            recipients: kept.map(|kept| kept.recipients.clone()).unwrap_or_default(),
            threshold: Some(given.threshold.into()),
            set_id: Some(given.set.to_string()),
            root_epoch: Some(keys.root_epoch.into()),
            config_map: kept.map(|_| seen.cluster.names.escrow()),
        }
    })
}

fn rollout(seen: &Seen<'_>) -> Option<RolloutStatus> {
    let (observed, wish) = (seen.observed, seen.wish);
    let keepers = rolls(wish, observed);
    let nexus = observed.nexus.as_ref().is_some_and(|nexus| nexus.rolling);
    let refused = observed.keepers.as_ref().and_then(|set| set.bad.clone());
    let refused = refused.filter(|bad| *bad == wish.keeper_template);
    if !keepers && !nexus && refused.is_none() {
        return None;
    }
    let pod = match seen.step {
        Step::EvictKeeper { pod, .. } => Some(pod.clone()),
        Step::Wait(Wait::Hydration { keepers }) => keepers.first().cloned(),
        _ => None,
    };
    let target =
        if keepers || refused.is_some() { &wish.keeper_template } else { &wish.nexus_template };
    let stuck = observed.nexus.as_ref().is_some_and(|nexus| nexus.stuck);
    let blocked = match seen.step {
        _ if refused.is_some() => Some("HydrationTimeout"),
        _ if stuck => Some("NexusStuck"),
        Step::Wait(wait) => Some(words::reason_of_wait(wait)),
        _ => None,
    };
    Some(RolloutStatus {
        target: Some(target.to_string()),
        pod,
        blocked_reason: blocked.map(ToOwned::to_owned),
    })
}

/// One condition, without its dates.
pub(crate) struct Said {
    pub(crate) kind: &'static str,
    pub(crate) status: &'static str,
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// Conditions with the time at which each became what it is.
fn dated(
    generation: Option<i64>,
    said: Vec<Said>,
    previous: &[Condition],
    now: Timestamp,
) -> Vec<Condition> {
    said.into_iter()
        .map(|Said { kind, status, reason, message }| {
            let before = previous.iter().find(|c| c.type_ == kind && c.status == status);
            Condition {
                type_: kind.to_owned(),
                status: status.to_owned(),
                reason,
                message,
                observed_generation: generation,
                last_transition_time: before
                    .map_or_else(|| Time(whole_second(now)), |c| c.last_transition_time.clone()),
            }
        })
        .collect()
}

/// As the API server keeps it: a fraction would look like a change each time.
fn whole_second(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// A merge patch: fields that are no more are null.
pub fn patch(before: Option<&SpikeClusterStatus>, after: &SpikeClusterStatus) -> Value {
    let json =
        |status: &SpikeClusterStatus| serde_json::to_value(status).expect("our own types are JSON");
    let (before, mut after) = (before.map_or(Value::Object(Map::new()), json), json(after));
    forget(&before, &mut after);
    after
}

fn forget(before: &Value, after: &mut Value) {
    if let (Value::Object(before), Value::Object(after)) = (before, after) {
        for (key, old) in before {
            match after.get_mut(key) {
                Some(new) => forget(old, new),
                None => {
                    after.insert(key.clone(), Value::Null);
                }
            }
        }
    }
}
