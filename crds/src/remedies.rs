//! What helps where a condition doesn't hold: one table for `kubectl spike status` and for
//! docs/operator.md, which a test compares.
//!
//! A condition's message says what is; this says what to do. Reasons that pass by themselves have no
//! entry.

use std::fmt::Write as _;

/// What helps against some reasons of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// The condition's type.
    pub condition: &'static str,
    /// Its status: `True`, `False` or `Unknown`.
    pub status: &'static str,
    /// The reasons against which it helps.
    pub reasons: &'static [&'static str],
    /// What to do, in Markdown without links.
    pub text: &'static str,
    /// Whether it lasts until a person does it.
    pub urgent: bool,
}

const fn when(
    condition: &'static str,
    status: &'static str,
    reasons: &'static [&'static str],
    text: &'static str,
) -> Remedy {
    Remedy { condition, status, reasons, text, urgent: false }
}

/// The same, and nobody but a person helps.
const fn someone(remedy: Remedy) -> Remedy {
    Remedy { urgent: true, ..remedy }
}

/// All of them, in the order of the documentation.
pub static REMEDIES: [Remedy; 31] = [
    when(
        "Ready",
        "False",
        &["StoreUnreachable"],
        "see `StoreReachable`; no pod is made anew because of it",
    ),
    when(
        "Ready",
        "False",
        &["NexusPending"],
        "no Nexus answers yet: see the pods' events; the message has the last error",
    ),
    someone(when(
        "Stalled",
        "True",
        &["InvalidSpec", "InvalidOverride"],
        "change the field that the message names",
    )),
    someone(when(
        "Stalled",
        "True",
        &["ApplyRefused"],
        "the API server refuses an object that the spec comes to, as the message says: change the field that \
         led to it, or the admission policy",
    )),
    when(
        "Reconciling",
        "True",
        &["ApplyFailed"],
        "a write was not taken, as the message says; it is tried again, ever more slowly",
    ),
    when(
        "Reconciling",
        "True",
        &["LookFailed"],
        "the operator can't read what there is, as the message says, and the rest of the status is of before: \
         mostly a right that it lacks, or an API that is down",
    ),
    when(
        "Reconciling",
        "True",
        &["ApplyContested"],
        "somebody changes a field back each time that it is applied, as the message says; it is tried again, \
         ever more slowly",
    ),
    someone(when(
        "Stalled",
        "True",
        &["ApplyContested"],
        "an admission webhook or another manager changes a field back each time: except Spike's objects from \
         it, or have the spec say what it wants",
    )),
    someone(when(
        "Stalled",
        "True",
        &["Unreadable"],
        "the object is of another version of the CRD: install the CRD and the operator of one \
         version; nothing is changed meanwhile",
    )),
    someone(when(
        "Stalled",
        "True",
        &["ForeignObject"],
        "an object of that name is somebody else's: rename it or the SpikeCluster",
    )),
    someone(when(
        "Stalled",
        "True",
        &["AuthorityExists"],
        "a namespace has one SpikeCluster with `identity.builtin`",
    )),
    someone(when(
        "Stalled",
        "True",
        &["ForeignStore"],
        "the database holds another cluster's key ring: name the right one",
    )),
    someone(when(
        "Stalled",
        "True",
        &["KeyRingMissing"],
        "a ring was seen and the store has none: restore the database; no new root key is ever made",
    )),
    someone(when(
        "Stalled",
        "True",
        &["RecoveryRequired"],
        "every Keeper lost its shard and no Nexus has the key: put recovery shards back with \
         `kubectl spike restore`",
    )),
    someone(when(
        "Stalled",
        "True",
        &["MigrationFailed"],
        "see the log of Job `spike-<cluster>-schema-…`, mend the cause, then set another text as annotation \
         `spike.ist/retry` of the SpikeCluster",
    )),
    someone(when(
        "Stalled",
        "True",
        &["ContractionFailed"],
        "see the log of Job `spike-<cluster>-contract-…`, mend the cause, then set another text as \
         annotation `spike.ist/retry` of the SpikeCluster; all else works",
    )),
    someone(when(
        "Stalled",
        "True",
        &["BootstrapFailed"],
        "see the log of the last Job `spike-<cluster>-bootstrap-…`, mend the cause, then set another text as \
         annotation `spike.ist/retry` of the SpikeCluster",
    )),
    someone(when(
        "Stalled",
        "True",
        &["VersionSkipped"],
        "name a version in `spec.image` that is next to the running one",
    )),
    someone(when(
        "MonitoringReady",
        "False",
        &["KindMissing"],
        "`spec.monitoring` asks for a kind that isn't installed; it follows when it is",
    )),
    when(
        "QuorumHealthy",
        "False",
        &["ShardsMissing", "QuorumLost"],
        "Keepers don't run or are empty; with an unsealed Nexus they are filled again",
    ),
    when(
        "QuorumHealthy",
        "False",
        &["NodeHoldsQuorum"],
        "one node has enough shards for the root key: add nodes, or spread Keepers",
    ),
    when(
        "ShamirConsistent",
        "False",
        &["KeepersScaled", "Resharing", "ReshareNeeded"],
        "the operator is at it; a hand on the StatefulSet is put right",
    ),
    when(
        "RecoveryEscrowed",
        "False",
        &["NotEscrowed"],
        "nobody has recovery shards: `kubectl spike operator recover`",
    ),
    someone(when(
        "RecoveryEscrowed",
        "False",
        &["RecipientsProposed"],
        "the spec names other custodians than the key ring: the message has the command",
    )),
    someone(when(
        "StoreReachable",
        "False",
        &["Unreachable"],
        "the message is the store's: bring it back, or mend the way to it",
    )),
    when(
        "StoreReachable",
        "True",
        &["DurabilityDegraded"],
        "writes are taken that the loss of a disk may take back: the message says why",
    ),
    someone(when(
        "StoreReachable",
        "Unknown",
        &["SecretMissing"],
        "a Secret that `spec.store` names isn't there, in the kubelet's words",
    )),
    when(
        "IdentityReady",
        "False",
        &["Pending"],
        "the authority's Deployment isn't ready, or nobody registers the pods with SPIRE: see the message",
    ),
    when(
        "IdentityReady",
        "True",
        &["KeeperIdentityShared"],
        "whoever has one Keeper's identity may collect every shard: give each Keeper its own",
    ),
    someone(when(
        "RolloutComplete",
        "False",
        &["HydrationTimeout"],
        "a Keeper of the new template did not come up: the last good one is back; change the spec",
    )),
    someone(when(
        "RolloutComplete",
        "False",
        &["NexusStuck"],
        "Nexus replicas don't become ready. The message names a pod and why, and says whether others serve: \
         change the spec, and it goes on at once",
    )),
];

/// What helps against a reason of a condition, if anything but waiting does.
pub fn remedy(condition: &str, status: &str, reason: &str) -> Option<&'static Remedy> {
    let about = |remedy: &&Remedy| {
        (remedy.condition, remedy.status) == (condition, status) && remedy.reasons.contains(&reason)
    };
    REMEDIES.iter().find(about)
}

/// The table of docs/operator.md.
pub fn table() -> String {
    let mut table = "| condition | reason | what helps |\n| --- | --- | --- |\n".to_owned();
    for Remedy { condition, status, reasons, text, .. } in &REMEDIES {
        // It is there only while it is true.
        let holds = if *condition == "Stalled" { String::new() } else { format!("={status}") };
        let reasons: Vec<_> = reasons.iter().map(|reason| format!("`{reason}`")).collect();
        let reasons = reasons.join(", ");
        writeln!(table, "| `{condition}{holds}` | {reasons} | {text} |")
            .expect("a String takes all");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_one_remedy_at_most() {
        let mut known = Vec::new();
        for Remedy { condition, status, reasons, .. } in &REMEDIES {
            for reason in *reasons {
                assert!(!known.contains(&(condition, status, reason)), "{condition}: {reason}");
                known.push((condition, status, reason));
            }
        }
    }

    #[test]
    fn what_holds_needs_no_remedy() {
        assert!(
            remedy("Stalled", "True", "RecoveryRequired")
                .is_some_and(|r| r.urgent && r.text.contains("restore"))
        );
        assert_eq!(remedy("Stalled", "False", "RecoveryRequired"), None);
        assert_eq!(remedy("QuorumHealthy", "True", "AllShardsHeld"), None);
    }
}
