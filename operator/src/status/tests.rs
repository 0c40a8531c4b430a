use serde_json::json;
use spike_crds::manifest;

use super::*;
use crate::{
    build,
    observe::observe,
    plan::{Stall, plan},
    validate::{Defaults, validate},
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
    let planned = plan(&build::wish(&cluster), &observed);
    let step = step.unwrap_or(&planned);
    build(&Seen { spec, cluster: &cluster, live: &live, observed: &observed, step, now })
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

#[test]
fn what_waits_is_reconciling_and_says_for_what() {
    let spec = manifest::read(TEXT).expect("a manifest");
    let status = report(&spec, Some(&Step::Wait(Wait::Store)), at(0));
    let reconciling = find(&status, "Reconciling").expect("it is");
    assert_eq!(reconciling.reason, "StoreUnreachable");
    assert!(find(&status, "Stalled").is_none());
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
