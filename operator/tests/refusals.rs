//! What the API server doesn't take is told in the status, and costs nothing that is there.

#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::time::Duration;

use k8s_openapi::api::{apps::v1::StatefulSet, batch::v1::Job, networking::v1::NetworkPolicy};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use spike_crds::SpikeCluster;
use support::{SPIRE, World, eventually, merge, operator, part, proxy::Fault};
use tokio::time::sleep;

/// Nobody changes a network policy of this namespace.
const FORBIDS: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-policies}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - apiGroups: [networking.k8s.io]
      apiVersions: ['*']
      operations: [CREATE, UPDATE]
      resources: [networkpolicies]
  validations:
  - {expression: 'false', message: nobody writes policies here, reason: Invalid}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-policies}
spec:
  policyName: no-policies
  validationActions: [Deny]
  matchResources:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: team-refused}}
";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_told_and_costs_nothing() {
    let world = World::start().await;
    tokio::join!(
        part("a manifest that is refused", refused(&world)),
        part("a field that Kubernetes would refuse", invalid(&world)),
        part("a look that is refused", blind(&world)),
        part("a write that is undone each time", contested(&world)),
        part("a Job of somebody else", foreign(&world, "team-foreign", "another")),
        part("one with our label", foreign(&world, "team-alike", "demo")),
    );
    world.end().await;
}

async fn is_stalled(world: &World, namespace: &str, reason: &str, words: &str) -> bool {
    let stalled = world.condition(namespace, "demo", "Stalled").await;
    stalled.is_some_and(|c| c.reason == reason && c.message.contains(words))
}

/// The policy that is there stays there: without any, everything is let through.
async fn refused(world: &World) {
    let namespace = world.namespace("team-refused").await;
    let proxy = world.proxy(&namespace).await;
    let operator = operator("one", proxy.config(), false);
    world.apply(&namespace, SPIRE).await;
    eventually("it is made", async || world.waits_for_nexus(&namespace).await).await;
    let policies = world.api::<NetworkPolicy>(&namespace);
    let before = policies.get("spike-demo-nexus").await.expect("there").uid();
    world.kubectl(&["apply", "-f", "-"], FORBIDS);
    let probe = json!({"metadata": {"name": "probe"}, "spec": {"podSelector": {}}});
    let probe: NetworkPolicy = serde_json::from_value(probe).expect("a policy");
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    eventually("nobody writes policies", async || policies.create(&dry, &probe).await.is_err())
        .await;

    proxy.writes();
    let clusters = world.api::<SpikeCluster>(&namespace);
    let wider = json!({"spec": {"networkPolicy": {"egressCIDRs": ["10.0.0.0/8"]}}});
    merge(&clusters, "demo", &wider).await;
    eventually("the refusal is told", async || {
        is_stalled(world, &namespace, "ApplyRefused", "nobody writes policies here").await
    })
    .await;
    let writes = proxy.writes();
    assert!(!writes.iter().any(|write| write.starts_with("DELETE")), "{writes:?}");
    assert_eq!(policies.get("spike-demo-nexus").await.expect("there").uid(), before);

    world.kubectl(&["delete", "-f", "-"], FORBIDS);
    eventually("it is written after all", async || {
        let policy = policies.get("spike-demo-nexus").await.expect("there");
        let written = serde_json::to_string(&policy.spec).expect("JSON").contains("10.0.0.0/8");
        written && world.condition(&namespace, "demo", "Stalled").await.is_none()
    })
    .await;
    operator.stop().await;
}

/// Nothing is tried that can't work.
async fn invalid(world: &World) {
    let namespace = world.namespace("team-syntax").await;
    let proxy = world.proxy(&namespace).await;
    let operator = operator("one", proxy.config(), false);
    let text = format!("{SPIRE}  networkPolicy: {{egressCIDRs: [10.0.0.0/33]}}\n");
    world.apply(&namespace, &text).await;
    eventually("the field is named", async || {
        is_stalled(world, &namespace, "InvalidSpec", "egressCIDRs[0] must be a network").await
    })
    .await;
    operator.stop().await;
}

/// Whoever reads the status learns that it is of before.
async fn blind(world: &World) {
    let namespace = world.namespace("team-blind").await;
    let proxy = world.proxy(&namespace).await;
    let operator = operator("one", proxy.config(), false);
    world.apply(&namespace, SPIRE).await;
    eventually("it is made", async || world.waits_for_nexus(&namespace).await).await;
    let reason = async || {
        let told = world.condition(&namespace, "demo", "Reconciling").await;
        told.map(|told| (told.reason, told.message)).unwrap_or_default()
    };
    let before = world.cluster(&namespace, "demo").await.status.expect("there");
    proxy.plan(|asked| {
        let it = asked.method == http::Method::GET && asked.path.ends_with("/spike-demo-nexus");
        if it { Fault::Refuse(403, None) } else { Fault::Pass }
    });
    let clusters = world.api::<SpikeCluster>(&namespace);
    merge(&clusters, "demo", &json!({"spec": {"nexus": {"replicas": 3}}})).await;
    eventually("it is told", async || {
        let (reason, message) = reason().await;
        reason == "LookFailed" && message.contains("spike-demo-nexus")
    })
    .await;
    let now = world.cluster(&namespace, "demo").await.status.expect("there");
    assert_eq!(now.observed_generation, before.observed_generation, "nobody saw what is asked for");
    assert_eq!(now.keeper, before.keeper, "nothing else is said anew");
    proxy.calm();
    eventually("it is seen again", async || {
        let now = world.cluster(&namespace, "demo").await.status.expect("there");
        reason().await.0 != "LookFailed" && now.observed_generation != before.observed_generation
    })
    .await;
    operator.stop().await;
}

/// Somebody puts another image into the `StatefulSet` after every write, as a webhook does within it.
async fn contested(world: &World) {
    let namespace = world.namespace("team-contested").await;
    let proxy = world.proxy(&namespace).await;
    let operator = operator("one", proxy.config(), false);
    world.apply(&namespace, SPIRE).await;
    eventually("it is made", async || world.waits_for_nexus(&namespace).await).await;
    let sets = world.api::<StatefulSet>(&namespace);
    let theirs = async {
        loop {
            let mirror = json!({"spec": {"template": {"spec": {"containers": [
                {"name": "keeper", "image": "mirror.example/spike:1"},
            ]}}}});
            let params =
                PatchParams { field_manager: Some("mirror".to_owned()), ..Default::default() };
            let patch = Patch::Strategic(&mirror);
            sets.patch("spike-demo-keeper", &params, &patch).await.expect("patched");
            sleep(Duration::from_millis(20)).await;
        }
    };
    proxy.writes();
    let field =
        "StatefulSet/spike-demo-keeper: spec.template.spec.containers[keeper].image is changed";
    let told = eventually("it is told", async || {
        is_stalled(world, &namespace, "ApplyContested", field).await
    });
    tokio::select! {
        () = told => {}
        () = theirs => {}
    }
    let ours = |write: &&String| write.ends_with("/statefulsets/spike-demo-keeper 200");
    let tried = proxy.writes().iter().filter(ours).count();
    assert!((5..10).contains(&tried), "{tried} times");
    eventually("it is as it should be", async || {
        world.condition(&namespace, "demo", "Stalled").await.is_none()
            && world.waits_for_nexus(&namespace).await
    })
    .await;
    operator.stop().await;
}

/// A Job under the name of ours is neither taken for it nor touched.
async fn foreign(world: &World, namespace: &str, cluster: &str) {
    let namespace = world.namespace(namespace).await;
    let proxy = world.proxy(&namespace).await;
    let first = operator("one", proxy.config(), false);
    world.apply(&namespace, &SPIRE.replace(", migrations: Manual", "")).await;
    let jobs = world.api::<Job>(&namespace);
    let mut made = None;
    eventually("the schema's Job is made", async || {
        made = jobs.list(&ListParams::default()).await.expect("listed").items.pop();
        made.is_some()
    })
    .await;
    let name = made.expect("made").name_any();
    first.stop().await;
    jobs.delete(&name, &DeleteParams::background()).await.expect("deleted");
    eventually("it is gone", async || jobs.get_opt(&name).await.expect("asked").is_none()).await;
    let theirs = json!({
        "metadata": {"name": name, "labels": {"spike.ist/cluster": cluster}},
        "spec": {"suspend": true, "template": {"spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "theirs", "image": "registry.example/theirs:1"}],
        }}},
    });
    let theirs: Job = serde_json::from_value(theirs).expect("a Job");
    let theirs = jobs.create(&PostParams::default(), &theirs).await.expect("made");

    let second = operator("two", proxy.config(), false);
    eventually("it is told", async || {
        is_stalled(world, &namespace, "ForeignObject", &format!("Job/{name}")).await
    })
    .await;
    assert_eq!(jobs.get(&name).await.expect("there").uid(), theirs.uid());
    jobs.delete(&name, &DeleteParams::background()).await.expect("deleted");
    eventually("ours is made when it is gone", async || {
        let now = jobs.get_opt(&name).await.expect("asked");
        now.is_some_and(|now| now.annotations().contains_key("spike.ist/owner-uid"))
    })
    .await;
    second.stop().await;
}
