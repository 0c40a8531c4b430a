use std::iter;

use serde_json::json;
use spike_crds::manifest;

use super::*;
use crate::{
    build,
    observe::observe,
    plan::{Hold, Stall, healthy, plan},
    validate::{Defaults, validate},
    version::Version,
};

const TEXT: &str = "
apiVersion: spike.ist/v1alpha1
kind: SpikeCluster
metadata: {name: demo, namespace: team, uid: u-1, generation: 4}
spec:
  trustDomain: example.org
  identity: {spire: {}}
  store: {postgres: {clusterRef: {name: db}}}
";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_900_000_000 + seconds).expect("a time")
}

/// What a reconcile would report of a cluster of which nothing is there.
fn report(spec: &SpikeCluster, step: Option<&Step>, now: Timestamp) -> SpikeClusterStatus {
    let defaults = Defaults { image: "spike:1".to_owned() };
    let cluster = validate(spec, &defaults).expect("valid");
    let live = Live { silence: "no Nexus runs yet".to_owned(), ..Live::default() };
    let observed = observe(&cluster, &live, now);
    let wish = build::wish(&cluster);
    let planned = plan(&wish, &observed);
    let step = step.unwrap_or(&planned);
    build(&Seen {
        spec,
        cluster: &cluster,
        live: &live,
        observed: &observed,
        wish: &wish,
        step,
        failure: None,
        now,
    })
}

fn find<'a>(status: &'a SpikeClusterStatus, kind: &str) -> Option<&'a Condition> {
    status.conditions.iter().find(|condition| condition.type_ == kind)
}

#[test]
fn a_second_look_at_the_same_world_is_the_same_status() {
    let mut spec = manifest::read(TEXT).expect("a manifest");
    let first = report(&spec, None, at(0));
    spec.status = Some(first.clone());
    assert_eq!(report(&spec, None, at(3600)), first, "not even a date changes");
}

#[test]
fn a_status_survives_what_the_api_server_does_to_it() {
    let spec = manifest::read(TEXT).expect("a manifest");
    let status = report(
        &spec,
        None,
        at(0).checked_add(std::time::Duration::from_millis(5)).expect("a time"),
    );
    let text = serde_json::to_string(&status).expect("JSON");
    let back: SpikeClusterStatus = serde_json::from_str(&text).expect("a status");
    assert_eq!(back, status);
}

#[test]
fn a_condition_has_a_new_date_only_when_its_status_changes() {
    let mut spec = manifest::read(TEXT).expect("a manifest");
    let stall = Step::Stall(Stall::RecoveryRequired);
    spec.status = Some(report(&spec, None, at(0)));
    let later = report(&spec, Some(&stall), at(60));
    let ready = find(&later, "Ready").expect("always there");
    assert_eq!((ready.reason.as_str(), ready.last_transition_time.0), ("RecoveryRequired", at(0)));
    let stalled = find(&later, "Stalled").expect("it is");
    assert_eq!(stalled.last_transition_time.0, at(60));
    assert!(stalled.message.contains("spike restore"), "{}", stalled.message);
    assert!(find(&later, "Reconciling").is_none());
    assert_eq!(later.observed_generation, Some(4));
}

/// Every stall, one after the other: a new one doesn't compile until it is among them.
fn after(stall: Option<&Stall>) -> Option<Stall> {
    let version = |text| Version::read(text).expect("a version");
    Some(match stall {
        None => Stall::ForeignObject("Service x".to_owned()),
        Some(Stall::ForeignObject(_)) => Stall::ForeignStore,
        Some(Stall::ForeignStore) => Stall::AuthorityExists("x".to_owned()),
        Some(Stall::AuthorityExists(_)) => Stall::KeyRingMissing,
        Some(Stall::KeyRingMissing) => Stall::RecoveryRequired,
        Some(Stall::RecoveryRequired) => Stall::MigrationFailed,
        Some(Stall::MigrationFailed) => Stall::ContractionFailed,
        Some(Stall::ContractionFailed) => {
            Stall::VersionSkipped { running: version("1.2.0"), wanted: version("1.4.0") }
        }
        Some(Stall::VersionSkipped { .. }) => Stall::BootstrapFailed(3),
        Some(Stall::BootstrapFailed(_)) => return None,
    })
}

#[test]
fn whatever_stalls_a_cluster_people_are_told_what_helps() {
    let spec = manifest::read(TEXT).expect("a manifest");
    for stall in iter::successors(after(None), |stall| after(Some(stall))) {
        let status = report(&spec, Some(&Step::Stall(stall)), at(0));
        let Condition { type_, status, reason, .. } = find(&status, "Stalled").expect("it is");
        let remedy = spike_crds::remedies::remedy(type_, status, reason);
        assert!(remedy.is_some_and(|remedy| remedy.urgent), "{reason}");
    }
}

#[test]
fn what_stalls_a_cluster_is_told_once_for_each_reason() {
    let mut spec = manifest::read(TEXT).expect("a manifest");
    let stall = |spec: &SpikeCluster, stall| report(spec, Some(&Step::Stall(stall)), at(0));
    let lost = stall(&spec, Stall::RecoveryRequired);
    let told = newly_stalled(None, &lost).expect("told");
    assert_eq!(told.reason, "RecoveryRequired");
    spec.status = Some(lost.clone());
    let again = stall(&spec, Stall::RecoveryRequired);
    assert!(newly_stalled(Some(&lost), &again).is_none(), "it is known");
    let other = stall(&spec, Stall::KeyRingMissing);
    assert!(newly_stalled(Some(&lost), &other).is_some(), "that is another thing");
    let well = report(&spec, Some(&Step::Idle), at(0));
    assert!(newly_stalled(Some(&lost), &well).is_none());
}

#[test]
fn a_jobs_last_words_are_quoted() {
    let stall = Stall::MigrationFailed;
    let text = words::of_stall(&stall, Some("the server refuses this user with this password"));
    assert!(text.contains("failed: the server refuses this user with this password. "), "{text}");
    assert!(words::of_stall(&stall, None).contains("see its log"));
}

#[test]
fn whoever_scales_keepers_by_hand_is_told() {
    let mut seen = healthy();
    let set = seen.keepers.as_mut().expect("there");
    (set.replicas, set.scaled) = (5, true);
    let step = |replicas| Step::ApplyKeepers { replicas, template: Hold::Present };
    let note = scaled_by_hand(&seen, &step(3)).expect("told");
    assert!(note.contains("than the 3 that the shares need"), "{note}");
    assert_eq!(scaled_by_hand(&seen, &step(5)), None, "another field of theirs");
    seen.keepers.as_mut().expect("there").scaled = false;
    assert_eq!(scaled_by_hand(&seen, &step(3)), None, "for a re-share the number is ours");
}

#[test]
fn what_waits_is_reconciling_and_says_for_what() {
    let spec = manifest::read(TEXT).expect("a manifest");
    let status = report(&spec, Some(&Step::Wait(Wait::Store)), at(0));
    let reconciling = find(&status, "Reconciling").expect("it is");
    assert_eq!(reconciling.reason, "StoreUnreachable");
    assert!(find(&status, "Stalled").is_none());
}

/// The status of a cluster that serves, with a Deployment of this template, and a step that failed.
fn served(nexus: &str, failure: Option<&Failure>) -> SpikeClusterStatus {
    let spec = manifest::read(TEXT).expect("a manifest");
    let defaults = Defaults { image: "spike:1".to_owned() };
    let cluster = validate(&spec, &defaults).expect("valid");
    let wish = build::wish(&cluster);
    let mut observed = healthy();
    let set = observed.keepers.as_mut().expect("there");
    set.template = wish.keeper_template.clone();
    for pod in &mut observed.keeper_pods {
        pod.template = wish.keeper_template.clone();
    }
    let wished = wish.nexus_template.to_string();
    let template = crate::hash::Digest::read(if nexus == "wished" { &wished } else { nexus });
    observed.nexus.as_mut().expect("there").template = template;
    let (live, step) = (Live::default(), Step::ApplyNexus { peers: 3 });
    let (spec, cluster, observed) = (&spec, &cluster, &observed);
    let (live, wish) = (&live, &wish);
    build(&Seen { spec, cluster, live, observed, wish, step: &step, failure, now: at(0) })
}

#[test]
fn a_write_that_is_refused_is_not_told_as_done() {
    let refused = Failure {
        reason: "ApplyRefused",
        message: "apply Deployment/x: no".to_owned(),
        stalls: true,
    };
    let status = served("older", Some(&refused));
    let stalled = find(&status, "Stalled").expect("it is");
    assert_eq!((stalled.reason.as_str(), &stalled.message), ("ApplyRefused", &refused.message));
    assert!(find(&status, "Reconciling").is_none());
    let failed = Failure { reason: "ApplyFailed", stalls: false, ..refused };
    let status = served("older", Some(&failed));
    assert_eq!(find(&status, "Reconciling").map(|c| c.reason.as_str()), Some("ApplyFailed"));
    assert!(find(&status, "Stalled").is_none());
}

#[test]
fn a_rollout_is_complete_when_what_is_wished_is_applied() {
    let rollout = |nexus| {
        let status = served(nexus, None);
        let said = find(&status, "RolloutComplete").expect("always there");
        (said.status.clone(), said.reason.clone())
    };
    assert_eq!(rollout("wished"), ("True".to_owned(), "UpToDate".to_owned()));
    assert_eq!(rollout("older"), ("False".to_owned(), "NotApplied".to_owned()));
}

#[test]
fn a_patch_takes_back_what_is_no_more() {
    let before = SpikeClusterStatus {
        rollout: Some(RolloutStatus { pod: Some("x".to_owned()), ..RolloutStatus::default() }),
        version: Some("1".to_owned()),
        ..SpikeClusterStatus::default()
    };
    let after =
        SpikeClusterStatus { version: Some("2".to_owned()), ..SpikeClusterStatus::default() };
    let patch = patch(Some(&before), &after);
    assert_eq!(patch, json!({"version": "2", "rollout": null}));
}

/// What a Nexus says that has the root key, and something to advise.
fn open(reasons: &Value) -> spike_core::wire::v2::status::Status {
    let keeper = |index: u8| {
        json!({
            "index": index, "url": "https://k", "reachable": true, "holds": [], "current": true,
            "checkedAt": at(60).to_string(),
        })
    };
    let status = json!({
        "status": "ready", "reasons": reasons, "version": "1.0.0", "replica": "n",
        "clusterId": "ab".repeat(16),
        "keys": {
            "revision": 3, "state": "active", "epoch": 1, "rootEpoch": 1, "attempt": 1,
            "generation": 1, "setId": "00".repeat(16), "shares": 3, "threshold": 2,
        },
        "keepers": [keeper(1), keeper(2), keeper(3)],
        "store": {"kind": "postgres", "reachable": true},
        "policies": {"counter": 1},
        "audit": {"sink": "stdout", "lastSeq": 1, "failures": 0},
        "memory": {"locked": true},
    });
    serde_json::from_value(status).expect("a status")
}

/// What is said of a look.
fn said(live: &Live, kind: &str) -> (String, String) {
    let condition = told(live, &Step::Idle, kind);
    (condition.status, condition.reason)
}

/// The same of a look after which this step is taken.
fn told(live: &Live, step: &Step, kind: &str) -> Condition {
    find(&after_step(live, step), kind).expect("it is there").clone()
}

/// The status after a look and a step.
fn after_step(live: &Live, step: &Step) -> SpikeClusterStatus {
    let spec = manifest::read(TEXT).expect("a manifest");
    let defaults = Defaults { image: "spike:1".to_owned() };
    let cluster = validate(&spec, &defaults).expect("valid");
    let observed = observe(&cluster, live, at(120));
    let seen = Seen {
        spec: &spec,
        cluster: &cluster,
        live,
        observed: &observed,
        wish: &build::wish(&cluster),
        step,
        failure: None,
        now: at(120),
    };
    build(&seen)
}

#[test]
fn the_cause_is_told_and_not_what_follows_from_it() {
    let pod = |trouble, ready| crate::observe::PodLook {
        name: "spike-demo-nexus-x".to_owned(),
        image: Some("nowhere:1".to_owned()),
        trouble,
        ready,
        ..crate::observe::PodLook::default()
    };
    let bad = pod(Some(crate::observe::Trouble::NoImage), false);
    let deployment = {
        let spec = manifest::read(TEXT).expect("a manifest");
        let defaults = Defaults { image: "nowhere:1".to_owned() };
        Some(build::deployment(&validate(&spec, &defaults).expect("valid"), 3).manifest)
    };
    let mut live = Live { nexus: vec![bad], deployment, ..Live::default() };
    let why = "the node of spike-demo-nexus-x doesn't get the image nowhere:1";
    let step = Step::Wait(Wait::Nexus("connection refused".to_owned()));
    assert_eq!(told(&live, &step, "Ready").message, why);
    let stuck = told(&live, &step, "RolloutComplete");
    assert_eq!(stuck.reason, "NexusStuck");
    assert_eq!(stuck.message, format!("no replica of Nexus becomes ready: {why}"));
    live.nexus.push(pod(None, true));
    let text = told(&live, &step, "RolloutComplete").message;
    assert!(text.contains("the old ones serve: the node of"), "{text}");
}

#[test]
fn what_nexus_advises_is_a_reason_of_the_condition_that_it_is_about() {
    for (code, kind, status, reason) in [
        ("durability_degraded", "StoreReachable", "True", "DurabilityDegraded"),
        ("reshare_needed", "ShamirConsistent", "False", "ReshareNeeded"),
        ("keeper_identity_shared", "IdentityReady", "True", "KeeperIdentityShared"),
    ] {
        let advice = json!([{"code": code, "message": "because"}]);
        let live = Live { statuses: vec![("n".to_owned(), open(&advice))], ..Live::default() };
        assert_eq!(said(&live, kind), (status.to_owned(), reason.to_owned()));
    }
}

#[test]
fn a_node_with_enough_keepers_to_have_the_root_key_is_named() {
    let keeper = |ordinal: u8, node: &str| crate::observe::PodLook {
        name: format!("spike-demo-keeper-{ordinal}"),
        node: Some(node.to_owned()),
        ready: true,
        running_since: Some(at(0)),
        ..crate::observe::PodLook::default()
    };
    let on = |nodes: [&str; 3]| {
        let keepers = (0..).zip(nodes).map(|(ordinal, node)| keeper(ordinal, node)).collect();
        let statuses = vec![("n".to_owned(), open(&json!([])))];
        said(&Live { keepers, statuses, ..Live::default() }, "QuorumHealthy")
    };
    assert_eq!(on(["a", "b", "c"]), ("True".to_owned(), "AllShardsHeld".to_owned()));
    assert_eq!(on(["a", "a", "b"]), ("False".to_owned(), "NodeHoldsQuorum".to_owned()));
}

#[test]
fn while_no_nexus_answers_nobody_knows_of_shards() {
    let looked = Live { last_quorum: Some((3, 2)), ..Live::default() };
    let status = after_step(&looked, &Step::Idle);
    let quorum = find(&status, "QuorumHealthy").expect("there");
    assert_eq!((quorum.status.as_str(), quorum.reason.as_str()), ("Unknown", "NobodyKnows"));
    assert_eq!(status.shards, None, "none is no number of shards");
}

#[test]
fn a_look_that_fails_changes_nothing_that_was_said_but_adds_itself() {
    let mut spec = manifest::read(TEXT).expect("a manifest");
    let before = report(&spec, None, at(0));
    spec.status = Some(before.clone());
    spec.metadata.generation = Some(7);
    let forbidden = kube::core::Status::failure("not allowed to get", "Forbidden").with_code(403);
    let why =
        crate::error::Error::kubernetes("get Deployment/x")(kube::Error::Api(forbidden.boxed()));
    let status = unseen(&spec, &Failure::of(&why).expect("told"), at(60));
    let said = find(&status, "Reconciling").expect("there");
    assert_eq!((said.reason.as_str(), said.observed_generation), ("LookFailed", Some(7)));
    assert_eq!(said.message, "get Deployment/x: not allowed to get");
    assert_eq!(status.observed_generation, before.observed_generation);
    assert_eq!(find(&status, "Ready"), find(&before, "Ready"));
}

#[test]
fn a_secret_that_is_not_there_is_named_as_the_kubelet_names_it() {
    let lacks = Some("pod: secret \"login\" not found".to_owned());
    let live = Live { lacks, ..Live::default() };
    assert_eq!(said(&live, "StoreReachable"), ("Unknown".to_owned(), "SecretMissing".to_owned()));
}

#[test]
fn other_custodians_are_proposed_with_the_command() {
    let wished = ["age1b".to_owned(), "age1a".to_owned()];
    let same = ["age1a".to_owned(), "age1b".to_owned()];
    assert_eq!(words::proposal(&wished, Some(&same)), None);
    assert_eq!(words::proposal(&[], Some(&same)), None, "nobody is taken away");
    assert_eq!(words::proposal(&wished, None), None, "nobody knows yet");
    let text = words::proposal(&wished, Some(&[])).expect("proposed");
    assert!(text.contains("recover --new-set --recipient age1b --recipient age1a`"), "{text}");
    let many = vec!["age1".repeat(600); 3];
    assert!(words::proposal(&many, Some(&[])).expect("proposed").contains("--recipients-file"));
}
