//! What to do about a Keeper, decided from the ring and from what the Keeper says it holds. Pure.

use spike_core::{
    ClusterId, SetId,
    wire::v2::shard::{PutAs, SetRole, StatusResponse, Witness},
};
use spike_seal::{KeyRing, ShardSet};

use super::{
    keepers::{IMPOSSIBLE, believable, digest_of, holds},
    reshare::Wish,
};
use crate::keys::Reason;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Give it its shard of the ring's current set, or of its pending one.
    Put(PutAs),
    /// Have it commit the current set, which it holds as pending; or tell it a newer witness, which
    /// committing a committed set does without moving a shard.
    Commit,
    /// Have it forget a set that the ring doesn't name.
    Forget(SetId),
}

/// What to do about one Keeper, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) flaw: Option<&'static str>,
}

/// Of a Keeper that answers for another secrets store.
pub(super) const FOREIGN: &str =
    "it holds shards of another cluster and none of ours; if they are of no use, restart it";
/// Of a Keeper whose shard isn't the ring's.
pub(super) const WRONG_DIGEST: &str =
    "its shard of a set is not the one that the key ring names; restart it";
/// Of a Keeper that knows of a later set.
pub(super) const AHEAD: &str = "it holds another set of this or of a later epoch than the key ring's. If the store was restored \
     from a backup: `spike operator accept-rollback` splits the root key anew, above it; else restart \
     this Keeper, and no other before it has its shard again";

/// A Keeper that tells of a later epoch than this lies: above it there is room for a ring that shall
/// go on, and no one re-shares a root key a billion times.
const HIGHEST_EPOCH: u32 = 1 << 30;

/// Makes one Keeper whole: what is missing of the current set is put, what is pending of it is
/// committed, what the ring doesn't name is dropped, and then the next set is put.
///
/// In this order: a withdrawn set that a Keeper still holds keeps it from taking the next one.
pub(super) fn rehydrate(ring: &KeyRing, status: &StatusResponse, witness: Witness) -> Plan {
    let (cluster, set) = (ring.cluster(), ring.current());
    if status.sets.iter().any(|held| held.cluster_id != cluster) {
        return Plan { steps: Vec::new(), flaw: Some(FOREIGN) };
    }
    let next = ring.reshare_to();
    let mut plan = match held_as(status, set) {
        _ if [Some(set), next].into_iter().flatten().any(|set| !has_digest(status, set)) => {
            Plan::flawed(WRONG_DIGEST)
        }
        Some(SetRole::Current) if status.witness.max(witness) == status.witness => Plan::default(),
        Some(SetRole::Current | SetRole::Pending) => Plan::one(Step::Commit),
        Some(SetRole::Previous) => Plan::flawed(AHEAD),
        None if current_epoch(status).is_some_and(|epoch| epoch >= set.epoch) => {
            Plan::flawed(AHEAD)
        }
        None if set.quorum.has(status.index) => Plan::one(Step::Put(PutAs::Current)),
        None => Plan::default(),
    };
    if plan.flaw.is_none() {
        plan.steps.extend(unnamed(ring, status).map(Step::Forget));
        let lacks =
            |next: &ShardSet| next.quorum.has(status.index) && held_as(status, next).is_none();
        plan.steps.extend(next.is_some_and(lacks).then_some(Step::Put(PutAs::Pending)));
        plan.flaw = believable(status).is_none().then_some(IMPOSSIBLE);
    }
    plan
}

impl Plan {
    fn one(step: Step) -> Self {
        Self { steps: vec![step], flaw: None }
    }

    const fn flawed(flaw: &'static str) -> Self {
        Self { steps: Vec::new(), flaw: Some(flaw) }
    }
}

fn held_as(status: &StatusResponse, set: &ShardSet) -> Option<SetRole> {
    status.sets.iter().find(|held| held.set_id == set.id).map(|held| held.role)
}

fn has_digest(status: &StatusResponse, set: &ShardSet) -> bool {
    let digest = digest_of(set, status.index);
    let mut held = status.sets.iter().filter(|held| held.set_id == set.id);
    held.all(|held| Some(held.digest) == digest)
}

fn current_epoch(status: &StatusResponse) -> Option<u32> {
    status.sets.iter().find(|held| held.role == SetRole::Current).map(|held| held.epoch)
}

/// The highest epoch in force on those Keepers that are ahead of the ring: they take a shard of a
/// later one only.
pub(super) fn ahead<'a>(
    ring: &KeyRing,
    statuses: impl IntoIterator<Item = &'a StatusResponse>,
) -> Option<u32> {
    let (cluster, set) = (ring.cluster(), ring.current());
    let held = statuses.into_iter().flat_map(|status| &status.sets);
    let current = held.filter(|held| held.role == SetRole::Current && held.cluster_id == cluster);
    let others = current.filter(|held| held.set_id != set.id).map(|held| held.epoch);
    others.filter(|epoch| (set.epoch..=HIGHEST_EPOCH).contains(epoch)).max()
}

/// A Keeper only replaces its current set, unless it has no part in the one that is in force.
fn unnamed(ring: &KeyRing, status: &StatusResponse) -> impl Iterator<Item = SetId> {
    let named: Vec<SetId> = ring.set_ids().collect();
    let beyond = !ring.current().quorum.has(status.index);
    let held = status.sets.iter().filter(move |held| beyond || held.role != SetRole::Current);
    held.map(|held| held.set_id).filter(move |id| !named.contains(id))
}

/// True if any Keeper has a committed set: then a root key was made once, whatever the store says.
pub(super) fn any_committed<'a>(statuses: impl IntoIterator<Item = &'a StatusResponse>) -> bool {
    let mut sets = statuses.into_iter().flat_map(|status| &status.sets);
    sets.any(|held| held.role != SetRole::Pending)
}

/// True if the Keeper holds the set so that a commit makes it current, or it is that already.
pub(super) fn is_in_place(status: &StatusResponse, cluster: ClusterId, set: &ShardSet) -> bool {
    [SetRole::Pending, SetRole::Current].into_iter().any(|role| holds(status, cluster, set, role))
}

/// What helps if no Nexus has the root key and fewer Keepers than the threshold hold a shard.
pub(super) fn remedy(ring: &KeyRing) -> String {
    let back = "Bring back the Keepers that still run with their memory, or a Nexus that has the \
                root key";
    match ring.escrow() {
        Some(escrow) => format!(
            "{back}; if all have lost it, run `spike operator restore` with {} recovery shards of \
             set {}",
            escrow.quorum.threshold(),
            escrow.set
        ),
        None => format!("{back}; no recovery shards were ever taken that could replace them"),
    }
}

/// Fewer Keepers than the threshold hold their shard: the root key lives in the memory of Nexus
/// alone, if in any.
pub(super) fn shortfall(current: &ShardSet, holding: usize) -> Option<Reason> {
    let threshold = current.quorum.threshold();
    (holding < usize::from(threshold)).then(|| {
        let text = format!("only {holding} of {threshold} needed Keepers hold the current set");
        Reason::new("quorum_at_risk", text)
    })
}

/// Where the Keepers are too few, or the environment wants something else than the ring says.
pub(super) fn advice(ring: &KeyRing, wanted: Wish, keepers: usize, holding: usize) -> Vec<Reason> {
    let current = ring.current();
    let at_risk = shortfall(current, holding).map(|Reason { code, message }| {
        let risk = "a Nexus that restarts now needs recovery shards";
        Reason::new(code, format!("{message}: {risk}"))
    });
    let mut advice = Vec::from_iter(at_risk);
    let (target, stands) = match ring.reshare_to() {
        Some(next) => (Wish::of(next), "is on its way to"),
        None => (Wish::of(current), "has"),
    };
    if target != wanted {
        let text = format!(
            "the environment wants {wanted}, the key ring {stands} {target}: re-share with `spike \
             operator reshare`, or correct SPIKE_NEXUS_SHAMIR_{{SHARES,THRESHOLD,GENERATION}}"
        );
        advice.push(Reason::new("reshare_needed", text));
    }
    if keepers < usize::from(current.quorum.shares()) {
        let shares = current.quorum.shares();
        let text = format!("{keepers} Keepers are known, the key ring has {shares} shares");
        advice.push(Reason::new("keepers_missing", text));
    }
    advice
}
