//! Many clusters and an API server that has little time: the leader leads on, asks no more at once than it
//! may, and everything is made in the end.

#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::time::Duration;

use http::Method;
use k8s_openapi::api::{apps::v1::Deployment, coordination::v1::Lease};
use kube::api::ListParams;
use support::{
    SPIRE, World, eventually, operator,
    proxy::{Asked, Fault, home},
};

/// More than are worked on at once, each with many things to be read.
const CLUSTERS: usize = 40;

/// Requests on their way at once, as the operator promises; watches and the lease come on top.
const AT_ONCE: usize = 32;

/// Longer than a leader may go without renewing its lease.
const SLOW: Duration = Duration::from_secs(15);

/// One of the many things that are read of a cluster at once.
fn waits(asked: &Asked) -> bool {
    let kinds = ["services", "serviceaccounts", "configmaps", "networkpolicies"];
    let named = kinds.iter().any(|kind| asked.path.contains(&format!("/{kind}/")));
    asked.method == Method::GET && named
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_api_server_costs_a_leader_of_many_clusters_time_and_nothing_else() {
    let world = World::start().await;
    let namespace = world.namespace("crowd").await;
    let proxy = world.proxy(&namespace).await;
    let running = operator("one", proxy.config(), false);
    let leases = world.api::<Lease>(&home(&namespace));
    let renewed = async || {
        let lease = leases.get_opt("spike-operator").await.expect("asked");
        lease.and_then(|lease| lease.spec?.renew_time)
    };
    eventually("it leads", async || renewed().await.is_some()).await;
    proxy.plan(move |asked| if waits(asked) { Fault::Delay(SLOW) } else { Fault::Pass });
    for n in 0..CLUSTERS {
        world.apply(&namespace, &SPIRE.replace("demo", &format!("demo-{n}"))).await;
    }
    eventually("all that it may ask at once waits", async || proxy.holds() >= AT_ONCE).await;

    let mut last = None;
    for renewal in 0..4 {
        eventually(&format!("renewal {renewal}"), async || {
            assert!(proxy.holds() <= AT_ONCE, "{} requests at once", proxy.holds());
            renewed().await != last
        })
        .await;
        last = renewed().await;
    }
    proxy.calm();
    let deployments = world.api::<Deployment>(&namespace);
    eventually("all are made", async || {
        let made = deployments.list_metadata(&ListParams::default()).await.expect("listed").items;
        made.len() == CLUSTERS
    })
    .await;
    running.stop().await;
    world.end().await;
}
