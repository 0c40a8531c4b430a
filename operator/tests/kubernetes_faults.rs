//! Whatever the API server's bad days bring, the same objects come of it, and then nothing is written.

#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt, future::join_all};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::Service,
};
use kube::{Api, api::DeleteParams};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use serde_json::json;
use spike_crds::SpikeCluster;
use support::{
    SPIRE, World, eventually, merge, operator, part,
    proxy::{Asked, Fate, Fault, Proxy},
    snapshot::Snapshot,
    until_quiet,
};
use tokio::time::sleep;

/// Longer than the pause of a cluster that waits for something.
const QUIET: Duration = Duration::from_secs(5);

/// One API server for all, and one operator for each kind of bad day.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make e2e runs it"]
async fn bad_days_of_the_api_server_change_nothing_in_the_end() {
    let world = World::start().await;
    let golden = part("a good day", golden(&world)).await;
    let days: Vec<_> =
        days().into_iter().map(|day| case(&world, &golden, day).boxed_local()).collect();
    let more =
        [cut_now_and_then(&world, &golden).boxed_local(), outage(&world, &golden).boxed_local()];
    join_all(days.into_iter().chain(more)).await;
    world.end().await;
}

type Plan = Box<dyn Fn(&Asked) -> Fault + Send + Sync>;

struct Day {
    name: &'static str,
    plan: Plan,
}

/// Every so many requests of a kind meet a fault, the first one first.
fn every(count: usize, of: fn(&Asked) -> bool, fault: Fault) -> Plan {
    let seen = AtomicUsize::new(0);
    Box::new(move |asked| {
        let met = of(asked) && seen.fetch_add(1, Ordering::Relaxed).is_multiple_of(count);
        if met { fault } else { Fault::Pass }
    })
}

/// The first request of a kind meets a fault, at each path.
fn first(of: fn(&Asked) -> bool, fault: Fault) -> Plan {
    let seen = Mutex::new(BTreeSet::new());
    Box::new(move |asked| {
        let met = of(asked) && seen.lock().expect("whole").insert(asked.path.clone());
        if met { fault } else { Fault::Pass }
    })
}

/// Of what happens in the namespace; who made the `SpikeCluster` known isn't forgotten.
fn events(asked: &Asked, fate: Fate) -> Fault {
    let first = usize::from(asked.path.ends_with("/spikeclusters"));
    Fault::Events(first, fate)
}

fn days() -> Vec<Day> {
    let any = |_: &Asked| true;
    let faults: Vec<(&'static str, Plan)> = vec![
        ("409", every(2, Asked::is_write, Fault::Refuse(409, None))),
        ("410 of a list", every(5, Asked::is_list, Fault::Refuse(410, None))),
        ("410 of a watch", first(Asked::is_watch, Fault::Refuse(410, None))),
        ("410 within a watch", watched(|asked| events(asked, Fate::Expired))),
        ("429", every(12, any, Fault::Refuse(429, Some(1)))),
        ("500", every(60, any, Fault::Refuse(500, None))),
        ("503", every(4, any, Fault::Refuse(503, None))),
        ("latency", every(1, any, Fault::Delay(Duration::from_millis(150)))),
        ("cut before", every(60, any, Fault::CutBefore)),
        ("cut after", every(2, Asked::is_write, Fault::CutAfter)),
        ("dropped events", watched(|asked| events(asked, Fate::Dropped))),
        ("doubled events", watched(|asked| events(asked, Fate::Doubled))),
        ("stale lists", every(2, Asked::is_list, Fault::Stale)),
        ("mixture", mixture(20_260_101)),
    ];
    faults.into_iter().map(|(name, plan)| Day { name, plan }).collect()
}

fn watched(fault: fn(&Asked) -> Fault) -> Plan {
    Box::new(move |asked| if asked.is_watch() { fault(asked) } else { Fault::Pass })
}

/// Any request may meet any fault, as the seed says; a reconcile is dozens of requests.
fn mixture(seed: u64) -> Plan {
    let random = Mutex::new(SmallRng::seed_from_u64(seed));
    Box::new(move |asked| {
        let mut random = random.lock().expect("whole");
        if asked.is_watch() {
            let fate = match random.random_range(0..3) {
                0 => Fate::Dropped,
                1 => Fate::Doubled,
                _ => Fate::Expired,
            };
            return if random.random_bool(0.5) { events(asked, fate) } else { Fault::Pass };
        }
        if !random.random_bool(0.05) {
            return Fault::Pass;
        }
        match random.random_range(0..8) {
            0 => Fault::Refuse(409, None),
            1 => Fault::Refuse(429, Some(1)),
            2 => Fault::Refuse(500, None),
            3 => Fault::Refuse(503, None),
            4 => Fault::CutBefore,
            5 => Fault::CutAfter,
            6 if asked.is_list() => Fault::Stale,
            _ => Fault::Delay(Duration::from_millis(random.random_range(1..300))),
        }
    })
}

/// A cluster is made, its schema's Job runs, hands and an author change things.
async fn story(world: &World, namespace: &str) {
    world.apply(namespace, &SPIRE.replace("Manual", "Auto")).await;
    world.run_jobs(namespace).await;
    let deployments = world.api::<Deployment>(namespace);
    eventually("Nexus is there", async || {
        deployments.get_opt("spike-demo-nexus").await.expect("asked").is_some()
    })
    .await;
    let services = world.api::<Service>(namespace);
    let sets = world.api::<StatefulSet>(namespace);
    let wrong = json!({"spec": {"publishNotReadyAddresses": false}});
    merge(&services, "spike-demo-keeper", &wrong).await;
    services.delete("spike-demo-nexus-admin", &DeleteParams::default()).await.expect("deleted");
    merge(&sets, "spike-demo-keeper", &json!({"spec": {"replicas": 1}})).await;
    let more = json!({"spec": {"nexus": {"replicas": 3}}});
    merge(&world.api::<SpikeCluster>(namespace), "demo", &more).await;
    eventually("all is as it should be", async || {
        poke(&services).await;
        let keepers = services.get("spike-demo-keeper").await.expect("there").spec;
        let set = sets.get("spike-demo-keeper").await.expect("there").spec;
        let nexus = deployments.get("spike-demo-nexus").await.expect("there").spec;
        keepers.and_then(|spec| spec.publish_not_ready_addresses) == Some(true)
            && services.get_opt("spike-demo-nexus-admin").await.expect("asked").is_some()
            && set.and_then(|spec| spec.replicas) == Some(3)
            && nexus.and_then(|spec| spec.replicas) == Some(3)
    })
    .await;
}

/// Of two events one may be lost: what it told is known when something else happens.
async fn poke(services: &Api<Service>) {
    let now = jiff::Timestamp::now().to_string();
    let poke = json!({"metadata": {"annotations": {"example.org/poked": now}}});
    merge(services, "spike-demo-nexus", &poke).await;
    sleep(Duration::from_secs(1)).await;
}

async fn golden(world: &World) -> Snapshot {
    let namespace = world.namespace("team-good").await;
    let proxy = world.proxy(&namespace).await;
    let operator = operator("one", proxy.config(), false);
    story(world, &namespace).await;
    until_quiet(&proxy, QUIET).await;
    operator.stop().await;
    Snapshot::of(&world.client(), &namespace).await
}

/// What comes of it is what comes of a good day, and then nothing is written.
async fn same(world: &World, namespace: &str, proxy: &Proxy, golden: &Snapshot) {
    let services = world.api::<Service>(namespace);
    let mut tries = 0;
    eventually(&format!("{namespace} is as on a good day"), async || {
        poke(&services).await;
        let now = Snapshot::of(&world.client(), namespace).await;
        tries += 1;
        if tries == 15 {
            eprintln!("{namespace} is still not as it should be: {:#?}", golden.differs(&now));
        }
        now == *golden
    })
    .await;
    let home = format!("/namespaces/{namespace}/");
    let writes = proxy.writes();
    assert!(writes.iter().all(|write| write.contains(&home)), "{namespace}: foreign: {writes:?}");
    proxy.calm();
    until_quiet(proxy, QUIET).await;
}

async fn case(world: &World, golden: &Snapshot, day: Day) {
    let namespace = world.namespace(&format!("team-{}", day.name.replace(' ', "-"))).await;
    let proxy = world.proxy(&namespace).await;
    proxy.plan(day.plan);
    let operator = operator("one", proxy.config(), true);
    part(day.name, async {
        story(world, &namespace).await;
        same(world, &namespace, &proxy, golden).await;
    })
    .await;
    operator.stop().await;
}

async fn cut_now_and_then(world: &World, golden: &Snapshot) {
    let namespace = world.namespace("team-cut").await;
    let proxy = world.proxy(&namespace).await;
    let operator = operator("one", proxy.config(), true);
    let cutting = async {
        for _ in 0..5 {
            sleep(Duration::from_secs(1)).await;
            proxy.cut();
        }
    };
    part("every connection cut, five times", async {
        tokio::join!(cutting, story(world, &namespace));
        same(world, &namespace, &proxy, golden).await;
    })
    .await;
    operator.stop().await;
}

/// Nobody is asked more often for being away; a leader outlives a short outage and ends in a long one.
async fn outage(world: &World, golden: &Snapshot) {
    /// Thirteen watches, a lease and a cluster, each with pauses that grow from a second.
    const BOUND: usize = 100;
    let namespace = world.namespace("team-outage").await;
    let proxy = world.proxy(&namespace).await;
    let leader = operator("one", proxy.config(), false);
    part("an outage", async {
        story(world, &namespace).await;
        for fault in [Fault::Refuse(503, None), Fault::CutBefore] {
            proxy.requests();
            proxy.plan(move |_| fault);
            proxy.cut();
            sleep(Duration::from_secs(4)).await;
            let asked = proxy.requests().len();
            eprintln!("an outage of 4 s, {fault:?}: {asked} requests");
            assert!((1..BOUND).contains(&asked), "{asked} requests in 4 s");
            proxy.calm();
            // It renews its lease before the next.
            sleep(Duration::from_secs(5)).await;
        }
        same(world, &namespace, &proxy, golden).await;
        proxy.plan(|_| Fault::Refuse(503, None));
        let ended = leader.ended().await.expect_err("it leads no more").to_string();
        assert!(ended.contains("the lease is lost"), "{ended}");
        assert!(proxy.writes().is_empty(), "nothing was there to do");
    })
    .await;
}
