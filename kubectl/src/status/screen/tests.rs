use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, from_value, json};
use spike_crds::{SpikeCluster, names::Names};

use super::*;
use crate::pods::tests::{pod, running};

fn part(component: &str, name: &str, ready: bool) -> Pod {
    let mut pod = pod(name, &running(), ready);
    pod.metadata.labels = Some(
        [("app.kubernetes.io/component".to_owned(), component.to_owned())].into_iter().collect(),
    );
    pod
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message,
           "lastTransitionTime": "2026-01-02T03:04:05Z"})
}

fn cluster(status: &Value) -> SpikeCluster {
    from_value(json!({
        "apiVersion": "spike.ist/v1alpha1",
        "kind": "SpikeCluster",
        "metadata": {"name": "demo", "generation": 1},
        "spec": {
            "trustDomain": "example.org",
            "identity": {"builtin": {}},
            "store": {"sqlite": {}},
            "nexus": {"replicas": 1},
        },
        "status": status,
    }))
    .expect("a cluster")
}

fn status(conditions: &[Value]) -> Value {
    json!({
        "observedGeneration": 1,
        "version": "0.1.0",
        "image": "ghcr.io/spike-rs/spike:0.1.0",
        "nexus": {"replicas": 2, "ready": 1, "unsealed": 1, "selector": "x"},
        "keeper": {"replicas": 3, "ready": 2, "hydrated": 2},
        "shards": "2/3",
        "rootKey": {
            "clusterId": "000102030405060708090a0b0c0d0e0f", "epoch": 2, "rootEpoch": 1,
            "setId": "ffffffffffffffffffffffffffffffff", "generation": 4, "shares": 3, "threshold": 2,
        },
        "rollout": {"target": "0011223344556677", "pod": "spike-demo-keeper-2", "blockedReason": "Hydrating"},
        "store": {"kind": "sqlite", "schemaVersion": 3, "serverVersion": "3.50.4"},
        "conditions": conditions,
    })
}

fn pods() -> Vec<Pod> {
    let mut waits =
        pod("spike-demo-keeper-2", &json!({"waiting": {"reason": "ImagePullBackOff"}}), false);
    waits.metadata.labels = part("keeper", "x", false).metadata.labels;
    vec![
        part("nexus", "spike-demo-nexus-b", false),
        part("nexus", "spike-demo-nexus-a", true),
        part("keeper", "spike-demo-keeper-1", true),
        part("keeper", "spike-demo-keeper-0", true),
        waits,
    ]
}

fn shown(cluster: &SpikeCluster, told: Option<Value>, unseen: &[&str]) -> String {
    let names = Names { namespace: "team".to_owned(), cluster: "demo".to_owned() };
    let told = told.map(|told| from_value(told).expect("a status"));
    let unseen = unseen.iter().map(ToString::to_string).collect();
    text(&Look::of(&names, cluster, &pods(), told, unseen), Paint::PLAIN, false)
}

#[test]
fn a_degraded_cluster_says_what_is_missing_and_what_helps() {
    let conditions = [
        condition("Ready", "True", "Serving", "1 Nexus replicas serve"),
        condition(
            "QuorumHealthy",
            "False",
            "ShardsMissing",
            "2 of 3 shards are held, 2 are needed",
        ),
        condition("RecoveryEscrowed", "False", "NotEscrowed", "no recovery shards were given out"),
        condition(
            "Reconciling",
            "True",
            "Hydrating",
            "spike-demo-keeper-2 must hold the shard again first",
        ),
    ];
    let expected = "\
demo in team: degraded

Cluster   example.org, identities: builtin, id 000102030405060708090a0b0c0d0e0f
Version   0.1.0, image ghcr.io/spike-rs/spike:0.1.0
Keys      2 of 3, epoch 2 (root key of epoch 1), generation 4
          set ffffffffffffffffffffffffffffffff
Shards    2/3 held
          spike-demo-keeper-0  node-1  holds a shard
          spike-demo-keeper-1  node-1  holds a shard
          spike-demo-keeper-2  node-1  ImagePullBackOff
Nexus     1/2 serve, 1 have the root key
          spike-demo-nexus-a  node-1  serves
          spike-demo-nexus-b  node-1  runs and does not serve: sealed, or draining
Store     sqlite, schema 3, server 3.50.4
Rollout   to template 0011223344556677, now spike-demo-keeper-2, Hydrating
Recovery  nobody has recovery shards

Conditions
  True     Ready             Serving        1 Nexus replicas serve
  False    QuorumHealthy     ShardsMissing  2 of 3 shards are held, 2 are needed
           -> Keepers don't run or are empty; with an unsealed Nexus they are filled again
  False    RecoveryEscrowed  NotEscrowed    no recovery shards were given out
           -> nobody has recovery shards: `kubectl spike operator recover`
  True     Reconciling       Hydrating      spike-demo-keeper-2 must hold the shard again first

Not seen
  what spike-demo-nexus-a says: forbidden
";
    let cluster = cluster(&status(&conditions));
    assert_eq!(shown(&cluster, None, &["what spike-demo-nexus-a says: forbidden"]), expected);
}

#[test]
fn what_nexus_says_is_closer_than_what_kubernetes_does() {
    let told = json!({
        "status": "ready", "reasons": [], "version": "0.1.0", "replica": "nexus-a",
        "keys": {"revision": 9, "state": "active", "epoch": 3, "rootEpoch": 1, "attempt": 1,
                 "generation": 5, "setId": "ee".repeat(16), "shares": 2, "threshold": 2,
                 "previous": {"epoch": 2, "attempt": 1, "generation": 4, "setId": "ff".repeat(16),
                              "shares": 3, "threshold": 2, "keepers": []},
                 "escrow": {"set": 5, "shares": 4, "threshold": 2, "encrypted": true}},
        "keepers": [
            {"index": 1, "url": "https://k-0:8443", "reachable": true, "current": true, "holds": []},
            {"index": 2, "url": "https://k-1:8443", "reachable": true, "current": false, "holds": []},
            {"index": 3, "url": "https://k-2:8443", "reachable": false, "current": false,
             "error": "connection refused", "holds": []}],
        "store": {"kind": "sqlite", "reachable": true},
        "policies": {"counter": 0},
        "audit": {"sink": "stdout", "lastSeq": 1, "failures": 0},
        "memory": {"locked": true},
    });
    let text = shown(&cluster(&status(&[])), Some(told), &[]);
    for line in [
        "Keys      2 of 2, epoch 3 (root key of epoch 1), generation 5\n",
        "          set eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee, ring revision 9\n",
        "          previous, until every Keeper has its new shard: 2 of 3, epoch 2, generation 4, set ff",
        "          spike-demo-keeper-0  node-1  holds its shard\n",
        "          spike-demo-keeper-1  node-1  holds nothing\n",
        "Recovery  set 5, any 2 of 4 shards, encrypted to their custodians\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_cluster_that_nobody_looked_at_is_called_so() {
    let mut cluster = cluster(&status(&[]));
    cluster.status = None;
    assert_eq!(
        shown(&cluster, None, &[]),
        "demo in team: degraded\n\nNo operator has looked at it yet: see whether one runs.\n"
    );
}

#[test]
fn what_others_chose_moves_no_cursor_and_begins_no_line() {
    const HOSTILE: &str = "\u{1b}]0;mine\u{7}\nReady";
    let mut seen = status(&[condition("Ready", "True", HOSTILE, HOSTILE)]);
    seen["version"] = HOSTILE.into();
    seen["store"]["serverVersion"] = HOSTILE.into();
    seen["rollout"]["blockedReason"] = HOSTILE.into();
    let mut pod = part("nexus", "spike-demo-nexus-b", true);
    let template = ("spike.ist/template".to_owned(), HOSTILE.to_owned());
    pod.metadata.annotations = Some([template].into_iter().collect());
    let names = Names { namespace: "team".to_owned(), cluster: "demo".to_owned() };
    let look = Look::of(&names, &cluster(&seen), &[pod], None, vec![HOSTILE.to_owned()]);
    let text = text(&look, Paint::PLAIN, true);
    assert!(!text.contains(['\u{1b}', '\u{7}']) && !text.contains("\nReady"), "{text}");
    assert_eq!(text.matches(r"\u{1b}]0;mine\u{7}\nReady").count(), 7, "{text}");
}

#[test]
fn shards_that_were_given_out_in_plain_have_no_custodians() {
    let mut seen = status(&[]);
    seen["recovery"] = json!({"threshold": 2});
    let text = shown(&cluster(&seen), None, &[]);
    assert!(text.contains("Recovery  any 2 of the shards given out, in plain\n"), "{text}");
}
