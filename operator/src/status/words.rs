//! Reasons for machines, and sentences for people: what is wrong and what helps.

use crate::plan::{Observed, Stage, Stall, Step, Wait};

pub(super) fn reason_of_wait(wait: &Wait) -> &'static str {
    match wait {
        Wait::Confirmation => "DeletionNotConfirmed",
        Wait::Identity(_) => "IdentityPending",
        Wait::Migration => "MigrationRunning",
        Wait::Contraction => "ContractionRunning",
        Wait::Nexus(_) => "NexusPending",
        Wait::Store => "StoreUnreachable",
        Wait::Rollout => "NexusRollout",
        Wait::Bootstrapper => "BootstrapNever",
        Wait::Bootstrap => "Bootstrapping",
        Wait::Keepers => "KeepersPending",
        Wait::Unseal => "Unsealing",
        Wait::Hydration { .. } => "Hydrating",
        Wait::Reshare => "Resharing",
        Wait::Redundancy => "RedundancyMissing",
        Wait::Turn => "AnotherClusterRolls",
    }
}

pub(super) fn of_wait(wait: &Wait) -> String {
    match wait {
        Wait::Confirmation => "set the annotation spike.ist/confirm-delete to the cluster's name: \
                               every shard of the root key goes with it"
            .to_owned(),
        Wait::Identity(why) => format!("no SVID can be issued: {why}"),
        Wait::Migration => "the schema is being brought up to date".to_owned(),
        Wait::Contraction => "what only earlier versions need is being removed".to_owned(),
        Wait::Nexus(why) => format!("no Nexus says how the key ring is: {why}"),
        Wait::Store => "the store takes no writes: nothing is changed until it does".to_owned(),
        Wait::Rollout => "Nexus replicas are being replaced".to_owned(),
        Wait::Bootstrapper => "spec.bootstrap.mode is Never: run `nexus bootstrap`".to_owned(),
        Wait::Bootstrap => "the root key is being made".to_owned(),
        Wait::Keepers => "not every Keeper runs; see their pods' events".to_owned(),
        Wait::Unseal => "enough Keepers have shards: Nexus rebuilds the root key".to_owned(),
        Wait::Hydration { keepers } => {
            format!("{} must hold the shard again first", keepers.join(", "))
        }
        Wait::Reshare => "the root key is being shared anew".to_owned(),
        Wait::Redundancy => "too few other Keepers or Nexus have the key to replace one".to_owned(),
        Wait::Turn => "another cluster's Keepers are being replaced".to_owned(),
    }
}

pub(super) fn reason_of_stall(stall: &Stall) -> &'static str {
    match stall {
        Stall::ForeignObject(_) => "ForeignObject",
        Stall::ForeignStore => "ForeignStore",
        Stall::AuthorityExists(_) => "AuthorityExists",
        Stall::KeyRingMissing => "KeyRingMissing",
        Stall::RecoveryRequired => "RecoveryRequired",
        Stall::MigrationFailed => "MigrationFailed",
        Stall::ContractionFailed => "ContractionFailed",
        Stall::VersionSkipped { .. } => "VersionSkipped",
        Stall::BootstrapFailed(_) => "BootstrapFailed",
    }
}

/// With what a Job said at its end, if one is why.
pub(super) fn of_stall(stall: &Stall, last_words: Option<&str>) -> String {
    let said = last_words.unwrap_or("see its log");
    match stall {
        Stall::ForeignObject(what) => {
            format!("{what} is somebody else's: delete or rename it, or rename this SpikeCluster")
        }
        Stall::ForeignStore => "the store holds the key ring of another cluster: name the right \
                                database in spec.store"
            .to_owned(),
        Stall::AuthorityExists(other) => format!(
            "SpikeCluster {other} of this namespace has the built-in authority: give this one its \
             own namespace"
        ),
        Stall::KeyRingMissing => "a key ring was seen, and the store has none: restore the store \
                                  from its backup; no new root key is ever made here"
            .to_owned(),
        Stall::RecoveryRequired => "every Keeper lost its shard, and no Nexus has the root key: \
                                    run `kubectl spike restore` with the recovery shards"
            .to_owned(),
        Stall::MigrationFailed => format!("the schema Job failed: {said}. {AGAIN}"),
        Stall::ContractionFailed => {
            format!("the Job that ends an upgrade failed, and all else works: {said}. {AGAIN}")
        }
        Stall::VersionSkipped { running, wanted } => format!(
            "{running} runs, and replicas of {wanted} can't work beside it: name a version next to \
             {running} in spec.image first"
        ),
        Stall::BootstrapFailed(tries) => {
            format!("bootstrap failed {tries} times, the last Job: {said}. {AGAIN}")
        }
    }
}

/// How a Job that failed comes to be tried again.
const AGAIN: &str = "It is tried again when the spec changes, or the annotation spike.ist/retry";

/// What a command line may hold, and a person read.
const MOST: usize = 4096;

/// The command by which other custodians take over, if the spec names other ones than have shards now.
///
/// Only the role recover can change them: whoever may write the spec could make himself one otherwise.
pub(super) fn proposal(wished: &[String], present: Option<&[String]>) -> Option<String> {
    let sorted = |all: &[String]| {
        let mut all = all.to_vec();
        all.sort_unstable();
        all
    };
    if wished.is_empty() || sorted(present?) == sorted(wished) {
        return None;
    }
    let named = wished.iter().flat_map(|one| [" --recipient ", one]).collect::<String>();
    let how = if named.len() <= MOST {
        named
    } else {
        " --recipients-file FILE, with those of spec.recovery.age in it".to_owned()
    };
    Some(format!(
        "the spec names other custodians than the key ring: run `kubectl spike operator \
         recover --new-set{how}`"
    ))
}

/// The reason of a number of Keepers that isn't what the shares need.
pub(crate) const KEEPERS_SCALED: &str = "KeepersScaled";

/// What is told to whoever gave the `StatefulSet` another number of Keepers, when that is put right.
pub(crate) fn scaled_by_hand(seen: &Observed, step: &Step) -> Option<String> {
    let Step::ApplyKeepers { replicas, .. } = step else { return None };
    let set = seen.keepers.as_ref()?;
    // Without their number: of an event that is repeated the first words are kept.
    (set.scaled && set.replicas != *replicas).then(|| {
        format!(
            "somebody gave the StatefulSet another number of Keepers than the {replicas} that the shares \
             need: put back; to have another number, change spec.shamir"
        )
    })
}

/// What a step does, for an event.
pub fn sentence(step: &Step) -> String {
    match step {
        Step::Wait(wait) => of_wait(wait),
        Step::Stall(stall) => of_stall(stall, None),
        Step::Idle => "nothing to do".to_owned(),
        Step::Paused => "spec.paused is true: nothing is changed".to_owned(),
        Step::Retain => "everything stays, without an owner".to_owned(),
        Step::Delete(stage) => match stage {
            Stage::Jobs => "deleted the Jobs",
            Stage::Nexus => "deleted Nexus",
            Stage::Keepers => "deleted the Keepers, and with them every shard",
            Stage::Rest => "deleted Services, accounts, policies and what else pods needed",
            Stage::ClusterScoped => "deleted what was outside of the namespace",
        }
        .to_owned(),
        Step::Release => "let go".to_owned(),
        Step::ApplyBase => "wrote Services, accounts, policies and what else pods need".to_owned(),
        Step::ApplyKeepers { replicas, .. } => {
            format!("wrote the StatefulSet of {replicas} Keepers")
        }
        Step::ForgetKeeper { pod, .. } => format!("forgot {pod}, whose node is gone"),
        Step::EvictKeeper { pod, .. } => format!("evicted {pod}, to be made anew"),
        Step::ReplaceAuthority { pod, .. } => {
            format!("deleted {pod}: its token is of a ServiceAccount that somebody deleted")
        }
        Step::RollBackKeepers => {
            "went back to the last good template: a Keeper of the new one did not come up"
                .to_owned()
        }
        Step::RecordGood => "every Keeper holds its shard with the present template".to_owned(),
        Step::Migrate => "started the Job that brings the schema up to date".to_owned(),
        Step::Contract => "started the Job that removes what only earlier versions need".to_owned(),
        Step::Escrow => "put the custodians' encrypted recovery shards into a ConfigMap".to_owned(),
        Step::ApplyNexus { peers } => format!("wrote the Deployment of Nexus, for {peers} Keepers"),
        Step::Bootstrap { attempt } => format!("started bootstrap, try {attempt}"),
        Step::Reshare => "asked Nexus to share the root key anew".to_owned(),
    }
}
