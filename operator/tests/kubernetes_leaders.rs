//! Of several operators one acts, however the one before it ended, and however late it wakes up.

#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::time::Duration;

use futures::TryStreamExt;
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    coordination::v1::Lease,
};
use kube::{
    ResourceExt,
    api::{WatchEvent, WatchParams},
};
use rustix::process::Signal;
use serde_json::json;
use spike_crds::SpikeCluster;
use support::{
    SPIRE, World, eventually, merge, part,
    process::Process,
    proxy::{Fault, Proxy, home},
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make e2e runs it"]
async fn of_several_operators_one_acts() {
    let world = World::start().await;
    tokio::join!(
        part("handed over at SIGTERM, then at SIGKILL", handed_over(&world)),
        part("asleep, and back too late", asleep(&world)),
        part("a write that arrives too late", late(&world)),
    );
    world.end().await;
}

/// An operator and the way by which it reaches the API server.
struct Replica {
    proxy: Proxy,
    process: Process,
}

async fn replica(world: &World, namespace: &str, name: &str) -> Replica {
    let proxy = world.proxy(namespace).await;
    let process = Process::start(name, &proxy.url());
    Replica { proxy, process }
}

async fn lease(world: &World, namespace: &str) -> Option<Lease> {
    world.api::<Lease>(&home(namespace)).get_opt("spike-operator").await.expect("asked")
}

async fn leads(world: &World, namespace: &str, name: &str) -> bool {
    let holder = lease(world, namespace).await.and_then(|lease| lease.spec?.holder_identity);
    holder.as_deref() == Some(name)
}

/// Who held the lease since it was read, one after the other.
async fn holders_since(world: &World, namespace: &str, read: &Lease) -> Vec<Option<String>> {
    let version = read.resource_version().expect("it was read");
    let leases = world.api::<Lease>(&home(namespace));
    let params = WatchParams::default().timeout(1);
    let events = leases.watch(&params, &version).await.expect("watched");
    let events = events.try_collect::<Vec<_>>().await.expect("not long ago");
    let held = events.into_iter().filter_map(|event| match event {
        WatchEvent::Modified(lease) => Some(lease.spec.and_then(|spec| spec.holder_identity)),
        _ => None,
    });
    held.collect()
}

async fn until_leading(world: &World, namespace: &str, name: &str) {
    let what = format!("{name} leads {namespace}");
    eventually(&what, async || leads(world, namespace, name).await).await;
}

/// One that leads, a cluster that it made, and another one that waits.
async fn two(world: &World, name: &str) -> (String, Replica, Replica) {
    let namespace = world.namespace(name).await;
    let one = replica(world, &namespace, "one").await;
    until_leading(world, &namespace, "one").await;
    let other = replica(world, &namespace, "other").await;
    world.apply(&namespace, SPIRE).await;
    eventually("it is made", async || world.waits_for_nexus(&namespace).await).await;
    (namespace, one, other)
}

/// The wish of a number of Nexus replicas is fulfilled.
async fn fulfilled(world: &World, namespace: &str, replicas: i32) {
    let wish = json!({"spec": {"nexus": {"replicas": replicas}}});
    merge(&world.api::<SpikeCluster>(namespace), "demo", &wish).await;
    let deployments = world.api::<Deployment>(namespace);
    eventually(&format!("{namespace} has {replicas} replicas"), async || {
        let nexus = deployments.get("spike-demo-nexus").await.expect("there");
        nexus.spec.and_then(|spec| spec.replicas) == Some(replicas)
    })
    .await;
}

async fn handed_over(world: &World) {
    let (namespace, one, other) = two(world, "handed-over").await;
    assert!(!one.proxy.writes().is_empty());
    assert!(other.proxy.writes().is_empty(), "who waits does nothing");
    let before = lease(world, &namespace).await.expect("there");
    one.process.signal(Signal::TERM);
    until_leading(world, &namespace, "other").await;
    let holders = holders_since(world, &namespace, &before).await;
    assert!(holders.contains(&None), "the lease was let go, and not waited for: {holders:?}");
    let (well, log) = one.process.ended().await;
    assert!(well, "{log}");
    fulfilled(world, &namespace, 3).await;

    let third = replica(world, &namespace, "third").await;
    other.process.kill().await;
    until_leading(world, &namespace, "third").await;
    fulfilled(world, &namespace, 4).await;
    third.process.kill().await;
}

/// A leader that slept is none, and does nothing when it wakes up but end.
async fn asleep(world: &World) {
    let (namespace, one, other) = two(world, "asleep").await;
    one.process.signal(Signal::STOP);
    until_leading(world, &namespace, "other").await;
    fulfilled(world, &namespace, 3).await;
    let set = world.api::<StatefulSet>(&namespace);
    let before = set.get("spike-demo-keeper").await.expect("there").resource_version();
    one.proxy.requests();
    one.process.signal(Signal::CONT);
    let Replica { proxy, process } = one;
    let (well, log) = process.ended().await;
    assert!(!well && log.contains("the lease is lost"), "{log}");
    assert_eq!(proxy.writes(), Vec::<String>::new());
    let after = set.get("spike-demo-keeper").await.expect("there").resource_version();
    assert_eq!(after, before);
    other.process.kill().await;
}

/// What a leader sent before it fell asleep, and arrives when another leads, is refused.
async fn late(world: &World) {
    let (namespace, one, other) = two(world, "late").await;
    let held = Duration::from_secs(30);
    one.proxy.plan(move |asked| {
        if asked.is_write() && asked.path.ends_with("/statefulsets/spike-demo-keeper") {
            return Fault::Delay(held);
        }
        Fault::Pass
    });
    one.proxy.requests();
    let sets = world.api::<StatefulSet>(&namespace);
    merge(&sets, "spike-demo-keeper", &json!({"spec": {"replicas": 1}})).await;
    eventually("the leader puts it right", async || one.proxy.holds() > 0).await;
    one.process.signal(Signal::STOP);
    until_leading(world, &namespace, "other").await;
    eventually("the other puts it right", async || {
        let set = sets.get("spike-demo-keeper").await.expect("there");
        set.spec.and_then(|spec| spec.replicas) == Some(3)
    })
    .await;
    eventually("what was held arrives", async || one.proxy.holds() == 0).await;
    let writes = one.proxy.writes();
    let held: Vec<_> = writes.iter().filter(|write| write.contains("/statefulsets/")).collect();
    assert!(held.len() == 1 && held.iter().all(|write| write.ends_with(" 409")), "{writes:?}");
    one.process.kill().await;
    other.process.kill().await;
}
