//! What becomes of a cluster whose spec changes, or whose surroundings lack something, on a real API
//! server with its controllers. There is no kubelet: what it would say is written as it says it.

#[allow(dead_code, reason = "each test uses its part")]
mod support;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        autoscaling::v2::HorizontalPodAutoscaler,
        batch::v1::Job,
        core::v1::{ConfigMap, Event, Pod},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, from_value, json};
use spike_crds::SpikeCluster;
use support::{World, eventually};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const CLUSTER: &str = "
apiVersion: spike.ist/v1alpha1
kind: SpikeCluster
metadata: {name: demo}
spec:
  trustDomain: example.org
  identity: {spire: {clusterSPIFFEIDs: None}}
  nexus: {replicas: 3}
  store: {postgres: {host: db.example, credentialsRef: {name: login}, migrations: Manual}}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_follows_its_spec_and_says_what_its_surroundings_lack() {
    let world = World::start().await;
    let operator = world.operator("one");
    autoscaled(&world).await;
    monitored(&world).await;
    tried_again(&world).await;
    without_a_secret(&world).await;
    operator.stop().await;
    world.end().await;
}

async fn change(world: &World, namespace: &str, spec: Value) {
    let clusters = world.api::<SpikeCluster>(namespace);
    let patch = Patch::Merge(json!({ "spec": spec }));
    clusters.patch("demo", &PatchParams::default(), &patch).await.expect("changed");
}

/// The number of replicas changes hands without ever falling.
async fn autoscaled(world: &World) {
    let namespace = world.namespace("autoscaled").await;
    world.apply(&namespace, CLUSTER).await;
    let deployments = world.api::<Deployment>(&namespace);
    eventually("Nexus is there", async || {
        deployments.get_opt("spike-demo-nexus").await.expect("asked").is_some()
    })
    .await;
    let replicas = async || {
        let nexus = deployments.get("spike-demo-nexus").await.expect("there");
        nexus.spec.expect("a spec").replicas.expect("defaulted")
    };
    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    let seen = tracker.spawn(every_number(deployments.clone(), stop.clone()));

    change(world, &namespace, json!({"nexus": {"autoscaling": {"maxReplicas": 6}}})).await;
    let scalers = world.api::<HorizontalPodAutoscaler>(&namespace);
    eventually("the autoscaler is there, and the number is not ours", async || {
        let nexus = deployments.get("spike-demo-nexus").await.expect("there");
        let fields = nexus.metadata.managed_fields.unwrap_or_default();
        let ours = fields.iter().find(|f| f.manager.as_deref() == Some("spike-operator"));
        let ours = serde_json::to_value(ours).expect("JSON");
        scalers.get_opt("spike-demo-nexus").await.expect("asked").is_some()
            && ours.pointer("/fieldsV1/f:spec/f:replicas").is_none()
    })
    .await;
    assert_eq!(replicas().await, 3);

    // As the autoscaler does it.
    let scale = Patch::Merge(json!({"spec": {"replicas": 5}}));
    deployments.patch_scale("spike-demo-nexus", &PatchParams::default(), &scale).await.expect("ok");
    change(world, &namespace, json!({"image": {"repository": "spike", "tag": "other"}})).await;
    eventually("the new image is applied", async || {
        let nexus = deployments.get("spike-demo-nexus").await.expect("there");
        let pod = nexus.spec.and_then(|spec| spec.template.spec);
        pod.and_then(|pod| pod.containers.first()?.image.clone()).as_deref() == Some("spike:other")
    })
    .await;
    assert_eq!(replicas().await, 5, "the autoscaler's number stays");

    change(world, &namespace, json!({"nexus": {"autoscaling": null, "replicas": 4}})).await;
    eventually("the number is ours again, and nobody else's", async || {
        let gone = scalers.get_opt("spike-demo-nexus").await.expect("asked").is_none();
        gone && replicas().await == 4
    })
    .await;
    stop.cancel();
    let seen = seen.await.expect("no panic");
    assert!(seen.iter().all(|replicas| *replicas >= 3), "{seen:?}");
}

/// Every number of replicas that a Deployment had.
async fn every_number(deployments: Api<Deployment>, stop: CancellationToken) -> Vec<i32> {
    let watch = watcher(deployments, watcher::Config::default()).applied_objects();
    let numbers = watch
        .take_until(stop.cancelled_owned())
        .try_filter_map(|nexus| async move { Ok(nexus.spec.and_then(|spec| spec.replicas)) });
    numbers.try_collect().await.expect("watched")
}

/// Kinds that aren't installed hold up nothing, and follow when they are.
async fn monitored(world: &World) {
    let namespace = world.namespace("monitored").await;
    world.apply(&namespace, CLUSTER).await;
    change(world, &namespace, json!({"monitoring": {"podMonitor": true, "dashboards": true}}))
        .await;
    eventually("it is told, and Nexus is there all the same", async || {
        let told = world.condition(&namespace, "demo", "MonitoringReady").await;
        let nexus = world.api::<Deployment>(&namespace).get_opt("spike-demo-nexus").await;
        told.is_some_and(|c| c.reason == "KindMissing" && c.message.contains("PodMonitor"))
            && nexus.expect("asked").is_some()
    })
    .await;
    let client = world.client();
    let crd: CustomResourceDefinition = from_value(json!({
        "metadata": {"name": "podmonitors.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "names": {"kind": "PodMonitor", "plural": "podmonitors"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                },
            }}],
        },
    }))
    .expect("a CRD");
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    crds.create(&PostParams::default(), &crd).await.expect("installed");
    let resource = ApiResource {
        group: "monitoring.coreos.com".to_owned(),
        version: "v1".to_owned(),
        api_version: "monitoring.coreos.com/v1".to_owned(),
        kind: "PodMonitor".to_owned(),
        plural: "podmonitors".to_owned(),
    };
    let monitors: Api<DynamicObject> = Api::namespaced_with(client, &namespace, &resource);
    eventually("the monitor is made", async || {
        monitors.get_opt("spike-demo").await.is_ok_and(|monitor| monitor.is_some())
    })
    .await;
    change(world, &namespace, json!({"monitoring": {"podMonitor": false, "dashboards": false}}))
        .await;
    eventually("what nobody wants any more is gone", async || {
        let maps = world.api::<ConfigMap>(&namespace);
        monitors.get_opt("spike-demo").await.expect("asked").is_none()
            && maps.get_opt("spike-demo-dashboard").await.expect("asked").is_none()
    })
    .await;
}

async fn schema_jobs(world: &World, namespace: &str) -> Vec<Job> {
    let jobs = world.api::<Job>(namespace).list(&ListParams::default()).await.expect("listed");
    jobs.items.into_iter().filter(|job| job.name_any().contains("-schema-")).collect()
}

/// Has its controller find that a Job's program failed.
async fn fail(world: &World, namespace: &str, job: &Job) {
    let once = Patch::Merge(json!({"spec": {"backoffLimit": 0}}));
    let jobs = world.api::<Job>(namespace);
    jobs.patch(&job.name_any(), &PatchParams::default(), &once).await.expect("changed");
    let pods = world.api::<Pod>(namespace);
    let its = ListParams::default().labels(&format!("job-name={}", job.name_any()));
    eventually("the Job has a pod", async || {
        !pods.list(&its).await.expect("listed").items.is_empty()
    })
    .await;
    let ended = json!({"status": {"phase": "Failed", "containerStatuses": [{
        "name": "bootstrap", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": 1, "reason": "Error"}},
    }]}});
    for pod in pods.list(&its).await.expect("listed") {
        let ended = Patch::Merge(&ended);
        pods.patch_status(&pod.name_any(), &PatchParams::default(), &ended).await.expect("said");
    }
}

/// A Job that failed is tried again when people change something, and not before.
async fn tried_again(world: &World) {
    let namespace = world.namespace("again").await;
    world.apply(&namespace, &CLUSTER.replace("Manual", "Auto")).await;
    let is_stalled = async || {
        let stalled = world.condition(&namespace, "demo", "Stalled").await;
        stalled
            .is_some_and(|c| c.reason == "MigrationFailed" && c.message.contains("spike.ist/retry"))
    };
    for (tries, again) in [
        (1, json!({"spec": {"networkPolicy": {"egressCIDRs": ["10.0.0.0/8"]}}})),
        (2, json!({"metadata": {"annotations": {"spike.ist/retry": "the password was wrong"}}})),
    ] {
        eventually("there is a Job", async || schema_jobs(world, &namespace).await.len() == tries)
            .await;
        for job in schema_jobs(world, &namespace).await {
            fail(world, &namespace, &job).await;
        }
        eventually("it is told", is_stalled).await;
        assert_eq!(schema_jobs(world, &namespace).await.len(), tries, "not by itself");
        let clusters = world.api::<SpikeCluster>(&namespace);
        let patch = Patch::Merge(again);
        clusters.patch("demo", &PatchParams::default(), &patch).await.expect("changed");
    }
    eventually("the last one is there", async || schema_jobs(world, &namespace).await.len() == 3)
        .await;
    eventually("and nobody is stalled", async || !is_stalled().await).await;
}

/// A pod that can't mount a Secret says so in an event, and its cluster in its status.
async fn without_a_secret(world: &World) {
    let namespace = world.namespace("secretless").await;
    world.apply(&namespace, &CLUSTER.replace("Manual", "Auto")).await;
    let pods = world.api::<Pod>(&namespace);
    let of_job = ListParams::default().labels("app.kubernetes.io/component=bootstrap");
    eventually("the Job has a pod", async || {
        !pods.list(&of_job).await.expect("listed").items.is_empty()
    })
    .await;
    let pod = pods.list(&of_job).await.expect("listed").items.remove(0);
    let name = pod.name_any();
    let event: Event = from_value(json!({
        "metadata": {"generateName": "mount-", "namespace": namespace},
        "involvedObject": {"kind": "Pod", "name": name, "namespace": namespace, "uid": pod.uid()},
        "reason": "FailedMount", "type": "Warning",
        "message": "MountVolume.SetUp failed for volume \"store\" : secret \"login\" not found",
        "lastTimestamp": jiff::Timestamp::now().to_string(),
    }))
    .expect("an event");
    let events = world.api::<Event>(&namespace);
    events.create(&PostParams::default(), &event).await.expect("said");
    let making = json!({"status": {"containerStatuses": [{
        "name": "bootstrap", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": "ContainerCreating"}},
    }]}});
    pods.patch_status(&name, &PatchParams::default(), &Patch::Merge(making)).await.expect("said");
    eventually("it is told which Secret", async || {
        let store = world.condition(&namespace, "demo", "StoreReachable").await;
        store.is_some_and(|c| c.reason == "SecretMissing" && c.message.contains("\"login\""))
    })
    .await;
}
