use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use spike_core::wire::v2::status::Status;
use spike_crds::manifest;

use super::*;
use crate::{
    names::Part,
    plan::{Ring, RingLook},
    validate::{Defaults, validate},
};

const CLUSTER_ID: &str = "0123456789abcdef0123456789abcdef";

fn cluster() -> Cluster {
    let text = "
apiVersion: spike.ist/v1alpha1
kind: SpikeCluster
metadata: {name: demo, namespace: team, uid: u-1}
spec:
  trustDomain: example.org
  identity: {builtin: {}}
  store: {postgres: {clusterRef: {name: db}}}
";
    let defaults = Defaults { image: "spike:1".to_owned() };
    validate(&manifest::read(text).expect("a manifest"), &defaults).expect("valid")
}

fn now() -> Timestamp {
    "2030-01-01T01:00:00Z".parse().expect("a time")
}

fn pod(more: Value) -> Pod {
    let mut pod = json!({
        "metadata": {
            "name": "spike-demo-keeper-1", "uid": "u",
            "creationTimestamp": "2030-01-01T00:00:00Z",
            "annotations": {"spike.ist/template": "t"},
        },
        "spec": {"nodeName": "a", "containers": []},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{
                "name": "keeper", "image": "i", "imageID": "i", "ready": true, "restartCount": 0,
                "state": {"running": {"startedAt": "2030-01-01T00:30:00Z"}},
            }],
        },
    });
    merge(&mut pod, more);
    serde_json::from_value(pod).expect("a pod")
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}

fn status(checked_at: &str, current: bool, holds: &Value) -> Status {
    let status = json!({
        "status": "ready", "reasons": [], "version": "1", "replica": "n", "clusterId": CLUSTER_ID,
        "keys": {
            "revision": 3, "state": "active", "epoch": 1, "rootEpoch": 1, "attempt": 1,
            "generation": 1, "setId": "00".repeat(16), "shares": 3, "threshold": 2,
        },
        "keepers": [{
            "index": 2, "url": "https://k", "reachable": true, "holds": holds,
            "current": current, "checkedAt": checked_at,
        }],
        "store": {"kind": "postgres", "reachable": true},
        "policies": {"counter": 1},
        "audit": {"sink": "stdout", "lastSeq": 1, "failures": 0},
        "memory": {"locked": true},
    });
    serde_json::from_value(status).expect("a status")
}

fn sealed(code: &str) -> Status {
    let mut status =
        serde_json::to_value(status("2030-01-01T00:59:00Z", false, &json!([]))).expect("JSON");
    let map = status.as_object_mut().expect("a map");
    map.remove("keys");
    map.insert("status".to_owned(), json!("sealed"));
    map.insert("reasons".to_owned(), json!([{"code": code, "message": "because"}]));
    serde_json::from_value(status).expect("a status")
}

fn one(pod: &Pod, said: Option<Status>) -> crate::plan::KeeperPod {
    let statuses = said.into_iter().map(|status| ("n".to_owned(), status)).collect();
    let live = Live { keepers: vec![PodLook::from(pod)], statuses, ..Live::default() };
    observe(&cluster(), &live, now()).keeper_pods.remove(0)
}

fn look(said: Status) -> (RingLook, bool) {
    let live = Live { statuses: vec![("n".to_owned(), said)], ..Live::default() };
    let seen = observe(&cluster(), &live, now());
    (seen.ring, seen.ring_was_seen)
}

#[test]
fn a_keeper_is_hydrated_only_if_a_nexus_asked_this_very_container() {
    let after = one(&pod(json!({})), Some(status("2030-01-01T00:59:00Z", true, &json!([]))));
    assert!(after.hydrated && after.running && after.ordinal == 1);
    let before = one(&pod(json!({})), Some(status("2030-01-01T00:10:00Z", true, &json!([]))));
    assert!(!before.hydrated, "what it held before it was restarted is gone");
    let unready = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
    let said = status("2030-01-01T00:59:00Z", true, &json!([]));
    assert!(!one(&pod(unready), Some(said)).hydrated);
}

#[test]
fn a_pod_is_believed_by_its_account_and_not_by_its_labels() {
    let names = cluster().names;
    let labelled = |component: &str, name: &str, account: &str| {
        PodLook::from(&pod(json!({
            "metadata": {"name": name, "labels": {"app.kubernetes.io/component": component}},
            "spec": {"serviceAccountName": account},
        })))
    };
    for part in [Part::Nexus, Part::Bootstrap, Part::Authority] {
        let (component, account) = (part.to_string(), names.part(part));
        let ours = labelled(&component, "a", &account);
        let pods = [ours.clone(), labelled(&component, "b", "default")];
        assert_eq!(of_part(&pods, &names, part), [ours], "{part}");
    }
    let keeper = |name, account| labelled("keeper", name, account);
    let ours = keeper("spike-demo-keeper-0", "spike-demo-keeper");
    let taken = keeper("spike-demo-keeper-1", "default");
    let pods = [ours.clone(), taken, keeper("x-0", "default"), keeper("x-0", "spike-demo-keeper")];
    let seen = of_part(&pods, &names, Part::Keeper);
    assert_eq!(seen.first(), Some(&ours));
    let statuses = [("n".to_owned(), status("2030-01-01T00:59:00Z", true, &json!([])))].into();
    let live = Live { keepers: seen, statuses, ..Live::default() };
    let keepers = observe(&cluster(), &live, now()).keeper_pods;
    let taken = keepers.last().expect("who has a place is seen");
    assert!(keepers.len() == 2 && taken.ordinal == 1 && taken.empty && !taken.hydrated);
    assert_ne!(taken.template, ours.template, "it goes by the usual way");
}

#[test]
fn a_keeper_is_empty_only_if_that_is_certain() {
    assert!(!one(&pod(json!({})), None).empty, "nobody asked it");
    let said = status("2030-01-01T00:59:00Z", false, &json!([]));
    assert!(one(&pod(json!({})), Some(said)).empty, "a Nexus asked");
    let mut broken = pod(json!({}));
    let waiting = json!({"waiting": {"reason": "ImagePullBackOff"}});
    let status = broken.status.as_mut().expect("there");
    let container = status.container_statuses.as_mut().expect("there").first_mut().expect("one");
    container.state = serde_json::from_value(waiting).expect("a state");
    let broken = one(&broken, None);
    assert!(broken.empty && broken.crashed && !broken.running);
    let unready = |since: &str| {
        let ready = json!([{"type": "Ready", "status": "False", "lastTransitionTime": since}]);
        one(&pod(json!({"status": {"conditions": ready}})), None)
    };
    assert!(unready("2030-01-01T00:31:00Z").empty, "it has answered nobody for half an hour");
    assert!(!unready("2030-01-01T00:59:00Z").empty, "it may yet");
}

#[test]
fn a_pod_that_cannot_start_makes_room_for_another_template() {
    let waiting = |reason: &str| {
        let container = json!([{
            "name": "nexus", "image": "i", "imageID": "i", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": reason}},
        }]);
        pod(json!({"status": {"containerStatuses": container}}))
    };
    let homeless = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]);
    let homeless = pod(json!({"status": {"conditions": homeless}}));
    let stuck = |nexus: &Pod| {
        let deployment = Some(build::deployment(&cluster(), 3).manifest);
        let live = Live { deployment, nexus: vec![PodLook::from(nexus)], ..Live::default() };
        observe(&cluster(), &live, now()).nexus.expect("there").stuck
    };
    assert!(stuck(&waiting("ImagePullBackOff")) && stuck(&waiting("CrashLoopBackOff")));
    assert!(stuck(&homeless));
    assert!(!stuck(&waiting("ContainerCreating")) && !stuck(&pod(json!({}))));
}

#[test]
fn a_pod_without_a_node_has_the_schedulers_words() {
    let said = "0/2 nodes are available: 2 Insufficient cpu.\n";
    let homeless = json!([{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": said,
    }]);
    let look = PodLook::from(&pod(json!({"status": {"conditions": homeless}})));
    assert_eq!(look.trouble, Some(Trouble::NoNode));
    assert_eq!(look.message.as_deref(), Some("0/2 nodes are available: 2 Insufficient cpu."));
}

#[test]
fn a_program_that_failed_is_quoted_in_one_short_line() {
    let words = |state: &str, code: i32, message: &str| {
        let ended = json!({state: {"terminated": {"exitCode": code, "message": message}}});
        let mut container = json!({
            "name": "nexus", "image": "i", "imageID": "i", "ready": false, "restartCount": 1,
        });
        merge(&mut container, ended);
        let pod = pod(json!({"status": {"containerStatuses": [container]}}));
        PodLook::from(&pod).words
    };
    let refused = "first\nError: db:5432: \u{1b}[31mrefused\u{7}\n\n{\"level\":\"INFO\"}\n";
    assert_eq!(words("state", 1, refused).as_deref(), Some("db:5432: [31mrefused"));
    assert_eq!(words("lastState", 1, refused).as_deref(), Some("db:5432: [31mrefused"));
    assert_eq!(words("state", 0, refused), None, "it did what it should");
    assert_eq!(words("state", 1, "\n{\"v\":1}\n"), None, "its audit is not for everybody");
    assert_eq!(words("state", 1, &"é".repeat(900)).map(|words| words.chars().count()), Some(200));
}

#[test]
fn a_schema_job_of_an_earlier_spec_goes_if_it_never_started_or_is_done() {
    let cluster = cluster();
    let job = |asked: &str, status: Value| {
        json!({
            "metadata": {
                "name": "spike-demo-schema-1", "uid": "u",
                "annotations": {"spike.ist/version": "v", "spike.ist/asked": asked},
            },
            "status": status,
        })
    };
    let failed = |reason: &str| json!({"conditions": [{"type": "Failed", "status": "True", "reason": reason}]});
    let is_spent = |job: Value, pods: &[PodLook]| !jobs::spent(&cluster, &[job], pods).is_empty();
    let now = cluster.asked.as_str();
    assert!(!is_spent(job("before", failed("BackoffLimitExceeded")), &[]), "it said why");
    assert!(!is_spent(job(now, json!({})), &[]), "it waits, and may yet");
    assert!(is_spent(job("before", json!({})), &[]), "the spec was mended");
    let runs = PodLook {
        name: "spike-demo-schema-1-x".to_owned(),
        running_since: Some(Timestamp::UNIX_EPOCH),
        ..PodLook::default()
    };
    assert!(!is_spent(job("before", json!({})), &[runs]), "it is at work");
    let done = |version: &str| {
        let mut job = job("before", json!({"succeeded": 1}));
        job["metadata"]["annotations"]["spike.ist/version"] = json!(version);
        job
    };
    assert!(is_spent(done("v"), &[]), "nobody asks for that image any more");
    let present = build::schema_version(&cluster);
    assert!(!is_spent(done(present.as_str()), &[]), "it is done, and need not be again");
    let mut bootstrap = job("before", json!({}));
    bootstrap["metadata"]["annotations"] = json!({"spike.ist/asked": "before"});
    assert!(!is_spent(bootstrap, &[]), "it may have made a root key");
}

#[test]
fn what_is_contested_is_never_of_a_kind_that_is_not_installed() {
    let object = |kind, manifest: &Value| Object {
        kind,
        name: "spike-demo".to_owned(),
        manifest: manifest.clone(),
    };
    let (ours, theirs) = (json!({"spec": {"a": 1}}), json!({"spec": {"a": 2}}));
    let base =
        vec![(object(Kind::PodMonitor, &ours), None), (object(Kind::Service, &ours), Some(theirs))];
    let live = Live { base, unserved: [Kind::PodMonitor].into(), ..Live::default() };
    let named = |live: &Live| contest(&cluster(), live, &crate::plan::Step::ApplyBase);
    assert_eq!(named(&live), "Service/spike-demo: spec.a");
    assert_eq!(named(&Live { unserved: [].into(), ..live }), "PodMonitor/spike-demo");
}

#[test]
fn a_pod_is_lost_only_with_its_node_and_after_its_grace() {
    let going = |due: &str| pod(json!({"metadata": {"deletionTimestamp": due}}));
    let lost = |due: &str, nodes: &[&str]| {
        let lost_nodes = nodes.iter().map(|node| (*node).to_owned()).collect();
        let keepers = vec![PodLook::from(&going(due))];
        let live = Live { keepers, lost_nodes, ..Live::default() };
        observe(&cluster(), &live, now()).keeper_pods.remove(0).lost
    };
    assert!(lost("2030-01-01T00:58:00Z", &["a"]));
    assert!(!lost("2030-01-01T00:59:30Z", &["a"]), "it may yet go by itself");
    assert!(!lost("2030-01-01T00:58:00Z", &["b"]), "its node is there");
}

#[test]
fn what_nexus_says_decides_what_the_ring_is() {
    let ring = Ring { shares: 3, threshold: 2, generation: 1, pending: None, previous: None };
    let open = status("2030-01-01T00:59:00Z", true, &json!([]));
    assert_eq!(look(open), (RingLook::Open(ring), true));
    assert_eq!(look(sealed("not_bootstrapped")), (RingLook::Absent, false));
    assert_eq!(look(sealed("not_enough_keepers")), (RingLook::Sealed { short: true }, true));
    assert_eq!(look(sealed("wrong_cluster")), (RingLook::Foreign, false));
    let unknown = look(sealed("store_unavailable"));
    assert_eq!(unknown, (RingLook::Unknown("because".to_owned()), false));
}

#[test]
fn what_a_keyed_nexus_says_of_its_store_counts_more_than_that_it_answers() {
    let said = |code: &str| {
        let reason = json!({"code": code, "message": "because"});
        let mut status = status("2030-01-01T00:59:00Z", true, &json!([]));
        status.status = State::StoreUnavailable;
        status.reasons = vec![serde_json::from_value(reason).expect("a reason")];
        let live = Live { statuses: vec![("n".to_owned(), status)], ..Live::default() };
        let seen = observe(&cluster(), &live, now());
        (seen.ring == RingLook::Absent && seen.ring_was_seen, seen.store)
    };
    assert_eq!(said("store_lost_ring"), (true, Reach::Unreachable));
    assert_eq!(said("store_rolled_back"), (false, Reach::Unreachable));
    assert_eq!(said("audit_unavailable"), (false, Reach::Reachable));
}

#[test]
fn another_cluster_id_than_the_known_one_is_a_foreign_store() {
    let said = status("2030-01-01T00:59:00Z", true, &json!([]));
    let known = Known { cluster_id: Some("ff".repeat(16)) };
    let live = Live { statuses: vec![("n".to_owned(), said)], known, ..Live::default() };
    assert_eq!(observe(&cluster(), &live, now()).ring, RingLook::Foreign);
}

#[test]
fn an_object_of_our_name_that_is_not_ours_stops_everything() {
    let object = build::base(&cluster(), &Known::default(), &site()).remove(0);
    let foreign = json!({"metadata": {"name": object.name, "labels": {}}});
    let live = Live { base: vec![(object.clone(), Some(foreign))], ..Live::default() };
    let stall = observe(&cluster(), &live, now()).obstacle;
    assert_eq!(stall, Some(Stall::ForeignObject(object.to_string())));
    let live = Live { base: vec![(object.clone(), Some(object.manifest))], ..Live::default() };
    let seen = observe(&cluster(), &live, now());
    assert_eq!((seen.obstacle, seen.base.differs.len()), (None, 0));
}

fn site() -> build::Site {
    build::Site {
        namespace: "spike-system".to_owned(),
        account: "spike-operator".to_owned(),
        image: "spike:1".to_owned(),
    }
}

#[test]
fn an_authority_is_an_orphan_whose_account_was_made_after_it() {
    let orphans = |account: &str, pod_made: &str| {
        let account = json!({"metadata": {"creationTimestamp": account}});
        let base = build::base(&cluster(), &Known::default(), &site()).into_iter();
        let base = base.map(|object| {
            let its = object.name == "spike-demo-authority" && object.kind == Kind::ServiceAccount;
            let live = its.then(|| account.clone());
            (object, live)
        });
        let authority = pod(json!({"metadata": {
            "name": "spike-demo-authority-x", "creationTimestamp": pod_made,
        }}));
        let live = Live {
            base: base.collect(),
            authority: vec![PodLook::from(&authority)],
            ..Live::default()
        };
        observe(&cluster(), &live, now()).base.orphans
    };
    let (early, late) = ("2030-01-01T00:00:00Z", "2030-01-01T00:00:01Z");
    assert_eq!(orphans(early, late), vec![], "as it should be");
    assert_eq!(orphans(early, early), vec![], "both of one moment");
    let found = vec![("spike-demo-authority-x".to_owned(), "u".to_owned())];
    assert_eq!(orphans(late, early), found);
}
