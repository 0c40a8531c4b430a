//! The conditions: each says what holds, why, and what helps if it doesn't.

use std::collections::BTreeMap;

use super::{Said, Seen, rolls, trouble, words};
use crate::{
    build::Kind,
    observe::{PodLook, Trouble, ring::newest, takes_writes},
    plan::{EscrowLook, IdentityLook, Observed, Reach, RingLook, Stall, Step, Wait},
    validate::Invalid,
};

/// The reasons by which Nexus says that something else should be looked at, and whose condition it
/// is.
const ADVICE: [(&str, &str, &str); 3] = [
    ("durability_degraded", "StoreReachable", "DurabilityDegraded"),
    ("reshare_needed", "ShamirConsistent", "ReshareNeeded"),
    ("keeper_identity_shared", "IdentityReady", "KeeperIdentityShared"),
];

fn said(kind: &'static str, holds: Option<bool>, reason: &str, message: impl Into<String>) -> Said {
    let status = match holds {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    Said { kind, status, reason: reason.to_owned(), message: message.into() }
}

/// A spec that can't work is stalled; what runs goes on.
pub(super) fn invalid(invalid: &Invalid) -> Vec<Said> {
    let (reason, message) = (invalid.reason(), invalid.to_string());
    vec![
        said("Ready", Some(false), reason, message.clone()),
        said("Stalled", Some(true), reason, message),
    ]
}

/// What is waited for, and which pod may be why.
fn waiting(seen: &Seen<'_>, wait: &Wait) -> String {
    let live = seen.live;
    let pods: &[PodLook] = match wait {
        Wait::Bootstrap if live.workers.is_empty() => &live.nexus,
        Wait::Migration | Wait::Bootstrap => &live.workers,
        Wait::Nexus(_) | Wait::Rollout | Wait::Unseal => &live.nexus,
        Wait::Keepers | Wait::Hydration { .. } => &live.keepers,
        _ => &[],
    };
    let text = words::of_wait(wait);
    // A volume that isn't there is told by an event alone.
    let lacks = || live.lacks.clone().filter(|_| !pods.is_empty());
    match trouble::of(pods, live.unbound.as_deref()).or_else(lacks) {
        // That they don't answer, or run, follows from it.
        Some(why) if matches!(wait, Wait::Nexus(_) | Wait::Keepers) => why,
        Some(why) => format!("{text}; {why}"),
        None => text,
    }
}

fn stalled(seen: &Seen<'_>, stall: &Stall) -> String {
    words::of_stall(stall, seen.live.last_words.as_deref())
}

/// That nobody knows what a cluster is like by now.
pub(super) fn unseen(why: &super::Failure) -> Said {
    said("Reconciling", Some(true), "LookFailed", why.message.clone())
}

/// What can't be read is stalled as well.
pub(super) fn unreadable(why: &str) -> Vec<Said> {
    let text = format!("this operator can't read the object, and changes nothing: {why}");
    vec![
        said("Ready", None, super::UNREADABLE, text.clone()),
        said("Stalled", Some(true), super::UNREADABLE, text),
    ]
}

/// Every condition.
pub(super) fn all(seen: &Seen<'_>) -> Vec<Said> {
    let mut all = vec![ready(seen), bootstrapped(seen)];
    if seen.cluster.keepers() > 0 {
        all.extend([quorum(seen), shamir(seen)]);
    }
    all.extend([store(seen), identity(seen), rollout(seen)]);
    all.extend(escrow(seen));
    all.extend(monitoring(seen));
    if seen.cluster.paused {
        all.push(said("Paused", Some(true), "Paused", "spec.paused is true: nothing is changed"));
    }
    all.extend(progress(seen));
    advise(seen, &mut all);
    all
}

/// What is being done, or keeps it from being done.
fn progress(seen: &Seen<'_>) -> Option<Said> {
    if let Some(failure) = seen.failure {
        let kind = if failure.stalls { "Stalled" } else { "Reconciling" };
        return Some(said(kind, Some(true), failure.reason, failure.message.clone()));
    }
    Some(match seen.step {
        Step::Stall(stall) => {
            said("Stalled", Some(true), words::reason_of_stall(stall), stalled(seen, stall))
        }
        Step::Wait(wait) => {
            said("Reconciling", Some(true), words::reason_of_wait(wait), waiting(seen, wait))
        }
        Step::Idle | Step::Paused => return None,
        step => said("Reconciling", Some(true), "Applying", words::sentence(step)),
    })
}

/// What Nexus advises is a reason of the condition that it is about.
fn advise(seen: &Seen<'_>, all: &mut [Said]) {
    let reasons = seen.live.statuses.iter().flat_map(|(_, status)| &status.reasons);
    for reason in reasons {
        let known = ADVICE.iter().find(|(code, ..)| *code == reason.code);
        let Some((_, kind, name)) = known else { continue };
        if let Some(condition) = all.iter_mut().find(|condition| condition.kind == *kind)
            && condition.status == "True"
        {
            (*name).clone_into(&mut condition.reason);
            condition.message.clone_from(&reason.message);
            if *kind == "ShamirConsistent" {
                condition.status = "False";
            }
        }
    }
}

fn ready(seen: &Seen<'_>) -> Said {
    let serving = seen.observed.nexus_pods.iter().filter(|pod| pod.ready).count();
    if seen.spec.metadata.deletion_timestamp.is_some() {
        return said("Ready", Some(false), "Deleting", "the SpikeCluster is being deleted");
    }
    if serving > 0 && seen.observed.store != Reach::Unreachable {
        let text = format!("{serving} Nexus replicas serve");
        return said("Ready", Some(true), "Serving", text);
    }
    match seen.step {
        Step::Stall(stall) => {
            said("Ready", Some(false), words::reason_of_stall(stall), stalled(seen, stall))
        }
        Step::Wait(wait) => {
            said("Ready", Some(false), words::reason_of_wait(wait), waiting(seen, wait))
        }
        _ if serving > 0 => said("Ready", Some(false), "StoreUnreachable", unreachable(seen)),
        _ => match seen.failure {
            Some(failure) => said("Ready", Some(false), failure.reason, failure.message.clone()),
            None => said("Ready", Some(false), "NotServing", "no Nexus serves yet"),
        },
    }
}

/// Why the store takes no writes, in Nexus's words.
fn unreachable(seen: &Seen<'_>) -> String {
    let statuses = seen.live.statuses.iter().filter(|(_, status)| !takes_writes(status));
    let mut errors = statuses.filter_map(|(_, status)| {
        let reason = status.reasons.first().map(|reason| reason.message.clone());
        status.store.error.clone().or(reason)
    });
    errors.next().unwrap_or_else(|| "it doesn't answer".to_owned())
}

fn bootstrapped(seen: &Seen<'_>) -> Said {
    let kind = "Bootstrapped";
    if seen.observed.ring_was_seen {
        return said(kind, Some(true), "KeyRingSeen", "there is a root key");
    }
    match &seen.observed.ring {
        RingLook::Absent => said(kind, Some(false), "NoKeyRing", "there is no root key yet"),
        RingLook::Foreign => said(kind, Some(false), "ForeignStore", "the store is another's"),
        RingLook::Unknown(why) => said(kind, None, "NobodyKnows", why.clone()),
        RingLook::Sealed { .. } | RingLook::Open(_) => {
            said(kind, Some(true), "KeyRingSeen", "there is a root key")
        }
    }
}

fn quorum(seen: &Seen<'_>) -> Said {
    let kind = "QuorumHealthy";
    let observed = seen.observed;
    let Some((shares, threshold)) = super::ring(observed).or(observed.last_quorum) else {
        return said(kind, None, "NobodyKnows", "no Nexus says how the root key is shared");
    };
    if seen.live.statuses.is_empty() {
        let ready = seen.live.keepers.iter().filter(|pod| pod.ready).count();
        let text = format!("no Nexus says which shards are held; {ready} Keepers are ready");
        return said(kind, None, "NobodyKnows", text);
    }
    let hydrated = observed.hydrated();
    let held = format!("{hydrated} of {shares} shards are held, {threshold} are needed");
    if hydrated < usize::from(shares) {
        let reason = if hydrated < usize::from(threshold) { "QuorumLost" } else { "ShardsMissing" };
        return said(kind, Some(false), reason, held);
    }
    if let Some(node) = holds_quorum(observed, threshold) {
        let text = format!("{held}; node {node} alone has enough of them: add nodes or spread");
        return said(kind, Some(false), "NodeHoldsQuorum", text);
    }
    said(kind, Some(true), "AllShardsHeld", held)
}

/// A node on which so many Keepers run that its owner has the root key, and its loss may lose it.
fn holds_quorum(observed: &Observed, threshold: u8) -> Option<&str> {
    let mut nodes = BTreeMap::<&str, u8>::new();
    for node in observed.keeper_pods.iter().filter_map(|pod| pod.node.as_deref()) {
        *nodes.entry(node).or_default() += 1;
    }
    nodes.into_iter().find(|(_, keepers)| *keepers >= threshold).map(|(node, _)| node)
}

fn shamir(seen: &Seen<'_>) -> Said {
    let (kind, cluster) = ("ShamirConsistent", seen.cluster);
    let replicas = seen.observed.keepers.as_ref().map(|set| set.replicas);
    let needed = seen.observed.keepers_needed(cluster.keepers());
    if let Some(replicas) = replicas.filter(|replicas| *replicas != needed) {
        let text =
            format!("{replicas} Keepers are wanted by the StatefulSet, {needed} by the shares");
        return said(kind, Some(false), words::KEEPERS_SCALED, text);
    }
    match &seen.observed.ring {
        RingLook::Open(ring) => {
            let wanted = (cluster.shares, cluster.threshold, cluster.generation);
            let is = (ring.shares, ring.threshold, ring.generation);
            let text = format!("the root key is shared {} of {}", ring.threshold, ring.shares);
            if is == wanted && ring.is_settled() {
                return said(kind, Some(true), "AsSpecified", text);
            }
            said(kind, Some(false), "Resharing", text)
        }
        _ => said(kind, None, "NobodyKnows", "no Nexus says how the root key is shared"),
    }
}

fn store(seen: &Seen<'_>) -> Said {
    let kind = "StoreReachable";
    match seen.observed.store {
        Reach::Reachable => said(kind, Some(true), "TakesWrites", "the store takes writes"),
        Reach::Unreachable => said(kind, Some(false), "Unreachable", unreachable(seen)),
        Reach::Unknown => match missing(seen) {
            Some(what) => said(kind, None, "SecretMissing", what),
            None => said(kind, None, "NobodyKnows", seen.live.silence.clone()),
        },
    }
}

/// What a pod lacks, in the kubelet's words.
fn missing(seen: &Seen<'_>) -> Option<String> {
    let mut pods = seen.live.workers.iter().chain(&seen.live.nexus);
    let broken = pods.find(|pod| pod.trouble == Some(Trouble::Lacks));
    broken.and_then(|pod| pod.message.clone()).or_else(|| seen.live.lacks.clone())
}

/// Whether recovery shards were given out; nothing is said while nobody can know.
fn escrow(seen: &Seen<'_>) -> Option<Said> {
    let kind = "RecoveryEscrowed";
    let (_, keys) = newest(&seen.live.statuses)?;
    if let Some(command) = words::proposal(&seen.cluster.recipients, proposed_to(seen)) {
        return Some(said(kind, Some(false), "RecipientsProposed", command));
    }
    Some(match &keys.escrow {
        Some(set) if set.encrypted => {
            let text = format!("{} custodians, {} are needed", set.shares, set.threshold);
            said(kind, Some(true), "Encrypted", text)
        }
        Some(set) => {
            let text = format!(
                "{} recovery shards in plain, {} are needed: whoever has so many has the root key",
                set.shares, set.threshold
            );
            said(kind, Some(true), "GivenOut", text)
        }
        None => {
            let text = "if every pod dies at once the secrets are lost: run `kubectl spike operator recover`";
            said(kind, Some(false), "NotEscrowed", text)
        }
    })
}

/// The custodians of the set given out last, if it can be known by now.
fn proposed_to<'a>(seen: &Seen<'a>) -> Option<&'a [String]> {
    match seen.observed.escrow {
        EscrowLook::Missing => None,
        EscrowLook::None => Some(&[]),
        EscrowLook::Kept => seen.live.escrow.as_ref().map(|kept| kept.recipients.as_slice()),
    }
}

/// Only where something was asked for that others install.
fn monitoring(seen: &Seen<'_>) -> Option<Said> {
    let asked = &seen.cluster.monitoring;
    let kinds = [(asked.pod_monitor, Kind::PodMonitor), (asked.rules, Kind::PrometheusRule)];
    let mut wanted = kinds.iter().filter(|(asked, _)| *asked).map(|(_, kind)| kind).peekable();
    wanted.peek()?;
    let kind = "MonitoringReady";
    let absent: Vec<_> =
        wanted.filter(|kind| seen.live.unserved.contains(kind)).map(|kind| kind.name()).collect();
    Some(if absent.is_empty() {
        said(kind, Some(true), "Applied", "Prometheus is told what to look at")
    } else {
        let text = "not installed here; all else works, and this follows when it is: install the \
                    Prometheus operator, or change spec.monitoring";
        said(kind, Some(false), "KindMissing", format!("{}: {text}", absent.join(", ")))
    })
}

fn identity(seen: &Seen<'_>) -> Said {
    match &seen.observed.identity {
        IdentityLook::Ready => said("IdentityReady", Some(true), "Issued", "SVIDs can be issued"),
        IdentityLook::Waits(why) => said("IdentityReady", Some(false), "Pending", why.clone()),
    }
}

/// What is the matter with Nexus, and whether that hurts anybody yet.
fn stuck(seen: &Seen<'_>) -> String {
    let live = seen.live;
    let what = if live.nexus.iter().any(|pod| pod.ready) {
        "Nexus's new replicas don't become ready, the old ones serve"
    } else {
        "no replica of Nexus becomes ready"
    };
    let why = trouble::of(&live.nexus, live.unbound.as_deref());
    why.map_or_else(|| what.to_owned(), |why| format!("{what}: {why}"))
}

fn rollout(seen: &Seen<'_>) -> Said {
    let kind = "RolloutComplete";
    let (nexus, keepers) = (seen.observed.nexus.as_ref(), seen.observed.keepers.as_ref());
    let wish = seen.wish;
    let refused = keepers.is_some_and(|set| set.bad.as_ref() == Some(&wish.keeper_template));
    if refused {
        let text = "a Keeper of the new template did not come up: the last good one is back";
        return said(kind, Some(false), "HydrationTimeout", text);
    }
    match nexus {
        None => said(kind, Some(false), "NotApplied", "Nexus is not there yet"),
        Some(nexus) if nexus.stuck => said(kind, Some(false), "NexusStuck", stuck(seen)),
        Some(nexus) if nexus.rolling => {
            said(kind, Some(false), "NexusRollout", "Nexus replicas are being replaced")
        }
        Some(nexus) if nexus.template != wish.nexus_template => {
            let text = "Nexus is of an older template: the present one is not applied yet";
            said(kind, Some(false), "NotApplied", text)
        }
        Some(_) if rolls(wish, seen.observed) => {
            let manual = !seen.cluster.evicts;
            let reason = if manual { "Manual" } else { "KeeperRollout" };
            said(kind, Some(false), reason, "Keepers are of an older template")
        }
        Some(_) if keepers.is_some_and(|set| set.template != wish.keeper_template) => {
            let text = "Keepers are of an older template: the present one is not applied yet";
            said(kind, Some(false), "NotApplied", text)
        }
        Some(_) => said(kind, Some(true), "UpToDate", "every pod is of the present template"),
    }
}
