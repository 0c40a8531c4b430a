//! Many at once.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::{task::JoinSet, time::timeout};

use super::world::{APP, ROOT, World, by};
use crate::app::error::Error;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn forty_parallel_puts_on_two_replicas_make_forty_versions_and_every_body_is_readable() {
    let world = World::new().await;
    let replicas = [world.replica("a").await, world.replica("b").await].map(Arc::new);
    let mut puts = JoinSet::new();
    for n in 0..40 {
        let replica = replicas[n % 2].clone();
        puts.spawn(async move { replica.put(ROOT, "t/db", &format!("body {n}")).await });
    }
    for outcome in puts.join_all().await {
        outcome.expect("acknowledged");
    }
    let mut bodies = BTreeSet::new();
    for version in 1..=40 {
        bodies.insert(replicas[0].get(ROOT, "t/db", version).await.expect("readable"));
    }
    assert_eq!(bodies, (0..40).map(|n| format!("body {n}")).collect());
    let current = replicas[1].get(ROOT, "t/db", 0).await.expect("readable");
    assert_eq!(current, replicas[0].get(ROOT, "t/db", 40).await.expect("readable"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_list_under_sixty_four_callers_and_policy_writes_is_never_empty_or_partial() {
    const PATHS: usize = 1_100;
    let world = World::new().await;
    let replica = Arc::new(world.replica("a").await);
    replica.grant("list", "^spike/system/secret$", &["list"]).await.expect("granted");
    for n in 0..PATHS {
        replica.put(ROOT, &format!("p/{n:05}"), "x").await.expect("put");
    }
    let listers = (0..64).map(|_| async {
        for _ in 0..2 {
            let paths = replica.list(APP).await.expect("listed");
            assert_eq!(paths.len(), PATHS);
            assert!(paths.is_sorted());
        }
    });
    let writer = async {
        for n in 0..10 {
            replica.grant(&format!("other {n}"), "^x$", &["read"]).await.expect("granted");
        }
    };
    futures::future::join(join_all(listers), writer).await;
}

#[tokio::test]
async fn whoever_may_not_write_is_refused_without_waiting_for_those_who_may() {
    let world = World::new().await;
    let a = world.replica("a").await;
    let path = "t/db".parse().expect("a path");
    let _path_lane = a.app.lanes.enter(&path, by(ROOT).deadline()).await.expect("free");
    let _policy_lane = a.app.policy_lane.lock().await;
    let soon = Duration::from_secs(2);
    let put = timeout(soon, a.put(APP, "t/db", "x")).await.expect("no waiting");
    assert!(matches!(put, Err(Error::Denied)));
    let caller = by(APP);
    let revoke = a.app.delete_policy(&caller, Ok("p".parse().expect("a name")));
    let revoke = timeout(soon, revoke).await.expect("no waiting");
    assert!(matches!(revoke, Err(Error::Denied)));
}
