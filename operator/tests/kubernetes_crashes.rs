//! An operator killed after any of its writes leaves nothing that the next one can't go on from.

#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::future::join_all;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::DeleteParams;
use serde_json::json;
use spike_crds::SpikeCluster;
use support::{
    SPIRE, World, eventually, merge, part,
    process::Process,
    proxy::{Fault, Proxy},
    snapshot::Snapshot,
};

/// Stories that are told side by side.
const LANES: usize = 4;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make e2e runs it"]
async fn an_operator_killed_after_any_write_is_as_good_as_one_that_was_not() {
    let world = World::start().await;
    let mut first = Lane::start(&world, "never-killed").await;
    let (golden, writes) = part("never killed", first.told(&world, usize::MAX, None)).await;
    drop(first);
    assert!(writes > 30, "{writes} writes");
    let next = AtomicUsize::new(1);
    let lane = async |number: usize| {
        let mut lane = Lane::start(&world, &format!("lane-{number}")).await;
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let (_, met) = lane.told(&world, n, Some(&golden)).await;
            if met < n {
                return n;
            }
        }
    };
    let what = format!("killed after each of {writes} writes");
    let ends = part(&what, join_all((0..LANES).map(lane))).await;
    let least = ends.into_iter().min().expect("lanes");
    assert!(least >= writes, "every write was met: {least} of {writes}");
    world.end().await;
}

/// A namespace of its own, and an operator there.
struct Lane {
    namespace: String,
    proxy: Proxy,
    operator: Option<Process>,
}

impl Lane {
    async fn start(world: &World, name: &str) -> Self {
        let namespace = world.namespace(&format!("team-{name}")).await;
        let proxy = world.proxy(&namespace).await;
        let operator = Some(Process::start("one", &proxy.url()));
        Self { namespace, proxy, operator }
    }

    /// The story, with an operator that is killed after so many writes; what came of it, and how
    /// many there were before.
    async fn told(
        &mut self,
        world: &World,
        n: usize,
        golden: Option<&Snapshot>,
    ) -> (Snapshot, usize) {
        let met = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&met);
        self.proxy.plan(move |asked| {
            if asked.is_write() && count.fetch_add(1, Ordering::Relaxed) + 1 == n {
                // Whether it hears of its success or not.
                return Fault::Kill { told: n.is_multiple_of(2) };
            }
            Fault::Pass
        });
        let namespace = self.namespace.clone();
        let mut story = pin!(story(world, &namespace, golden));
        let snapshot = tokio::select! {
            snapshot = &mut story => snapshot,
            () = self.replace() => story.await,
        };
        (snapshot, met.load(Ordering::Relaxed))
    }

    /// What a kubelet does: the same container starts anew.
    async fn replace(&mut self) {
        self.proxy.killed().await;
        if let Some(operator) = self.operator.take() {
            operator.kill().await;
        }
        self.proxy.calm();
        self.operator = Some(Process::start("one", &self.proxy.url()));
    }
}

/// A cluster is made as far as it can be without pods, and goes with everything.
async fn story(world: &World, namespace: &str, golden: Option<&Snapshot>) -> Snapshot {
    world.apply(namespace, &SPIRE.replace("Manual", "Auto")).await;
    world.run_jobs(namespace).await;
    let deployments = world.api::<Deployment>(namespace);
    eventually("Nexus is there", async || {
        deployments.get_opt("spike-demo-nexus").await.expect("asked").is_some()
            && world.waits_for_nexus(namespace).await
    })
    .await;
    let mut now = Snapshot::of(&world.client(), namespace).await;
    if let Some(golden) = golden {
        eventually(&format!("{namespace} is as if nobody had been killed"), async || {
            now = Snapshot::of(&world.client(), namespace).await;
            now == *golden
        })
        .await;
    }
    let clusters = world.api::<SpikeCluster>(namespace);
    let confirm = json!({
        "metadata": {"annotations": {"spike.ist/confirm-delete": "demo"}},
        "spec": {"deletion": {"policy": "Delete"}},
    });
    merge(&clusters, "demo", &confirm).await;
    clusters.delete("demo", &DeleteParams::default()).await.expect("deleted");
    eventually("it is gone", async || clusters.get_opt("demo").await.expect("asked").is_none())
        .await;
    let left = Snapshot::of(&world.client(), namespace).await;
    assert!(left.0.is_empty(), "{namespace}: orphans: {left:?}");
    now
}
