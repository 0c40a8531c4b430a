//! The start: good shards are found among bad Keepers, and what is missing is said.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use spike_core::{ClusterId, Instance, ShareIndex, wire::v2::shard::SetRole};

use super::{
    super::{rehydrate, site::Site, start},
    world::World,
};
use crate::keys::Reason;

/// One short try.
async fn sealed(site: &Site) -> Reason {
    let opening = tokio::time::timeout(Duration::from_millis(400), start::until_open(site));
    assert!(opening.await.is_err(), "it opened");
    site.keys.sealed_reason().expect("sealed")
}

fn flaw(site: &Site, at: usize) -> Option<String> {
    site.board.of(&site.keepers).swap_remove(at).error
}

#[tokio::test]
async fn any_threshold_of_keepers_opens_a_nexus() {
    for missing in 0..3 {
        let world = World::bootstrapped(3, 2).await;
        world.down(missing, true);
        let site = world.nexus().await;
        assert!(flaw(&site, missing).expect("named").contains("cannot reach"));
    }
}

#[tokio::test]
async fn too_few_keepers_leave_it_sealed_and_each_is_counted() {
    let world = World::bootstrapped(3, 2).await;
    world.down(0, true);
    world.keepers[2].restart();
    let site = world.healthy();
    let reason = sealed(&site).await;
    assert_eq!(reason.code, "not_enough_keepers");
    assert!(reason.message.starts_with("1 of 2 shards; none from Keepers 1, 3: "), "{reason:?}");
    assert!(flaw(&site, 0).expect("named").contains("cannot reach"));
    assert!(flaw(&site, 2).expect("named").contains("not found"));
    assert!(reason.message.contains("no recovery shards were ever taken"), "{reason:?}");
}

#[tokio::test]
async fn the_reason_that_everyone_is_told_says_nothing_of_who_a_keeper_is() {
    let world = World::bootstrapped(3, 2).await;
    for keeper in &world.keepers {
        keeper.impostor.store(true, Ordering::Relaxed);
    }
    let site = world.healthy();
    let reason = sealed(&site).await;
    assert!(!reason.message.contains("spiffe://"), "{reason:?}");
    assert!(!reason.message.contains("keeper-"), "{reason:?}");
    assert!(flaw(&site, 0).expect("named").contains("spiffe://spike.ist/someone/else"));
}

#[tokio::test]
async fn it_opens_as_soon_as_a_keeper_comes_back() {
    let world = World::bootstrapped(3, 2).await;
    world.down(0, true);
    world.down(1, true);
    let site = world.healthy();
    let opening = async { start::until_open(&site).await };
    let returning = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!site.keys.is_open());
        world.down(1, false);
    };
    let both = futures::future::join(opening, returning);
    tokio::time::timeout(Duration::from_secs(10), both).await.expect("it opens");
}

#[tokio::test]
async fn a_corrupt_shard_is_named_and_not_used() {
    let world = World::bootstrapped(3, 2).await;
    world.keepers[1].flip_a_bit();
    let site = world.nexus().await;
    assert!(flaw(&site, 1).expect("named").contains("corrupt"));
    assert_eq!((flaw(&site, 0), flaw(&site, 2)), (None, None));

    world.keepers[2].flip_a_bit();
    assert_eq!(sealed(&world.healthy()).await.code, "not_enough_keepers");
}

#[tokio::test]
async fn a_keeper_that_hangs_delays_the_start_by_the_grace_only() {
    let world = World::bootstrapped(3, 2).await;
    world.keepers[0].hangs.store(true, Ordering::Relaxed);
    let mut pace = world.pace;
    pace.ask = Duration::from_mins(1);
    let world = World { pace, ..world };
    let began = Instant::now();
    let site = world.nexus().await;
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(flaw(&site, 0).expect("named").contains("no answer"));
}

#[tokio::test]
async fn keepers_in_the_wrong_order_are_named() {
    let mut world = World::bootstrapped(3, 2).await;
    world.keepers.swap(0, 1);
    let site = world.healthy();
    assert_eq!(sealed(&site).await.code, "not_enough_keepers");
    assert!(flaw(&site, 0).expect("named").contains("SPIKE_NEXUS_KEEPER_PEERS"));
}

#[tokio::test]
async fn shards_that_were_never_committed_open_it_and_are_committed_then() {
    let world = World::bootstrapped(3, 2).await;
    for keeper in &world.keepers {
        keeper.forge(|role, _| *role = SetRole::Pending);
    }
    let site = world.nexus().await;
    rehydrate::round(&site).await.expect("a round");
    for keeper in &world.keepers {
        assert!(keeper.status().sets.iter().all(|set| set.role == SetRole::Current));
    }
}

#[tokio::test]
async fn without_a_ring_or_with_a_claim_it_says_what_to_run() {
    let world = World::new(3, 2);
    assert_eq!(sealed(&world.healthy()).await.code, "not_bootstrapped");
    world.shared.down.store(true, Ordering::Relaxed);
    assert_eq!(sealed(&world.healthy()).await.code, "store_unavailable");
}

#[tokio::test]
async fn a_store_of_another_cluster_or_instance_is_refused() {
    let world = World::bootstrapped(3, 2).await;
    let other = Site { expected_cluster: Some(ClusterId([9; 16])), ..world.healthy() };
    assert_eq!(sealed(&other).await.code, "wrong_cluster");
    let instance: Instance = "team/b".parse().expect("valid");
    let other = Site { instance: Some(instance), ..world.healthy() };
    assert_eq!(sealed(&other).await.code, "wrong_instance");
}

#[tokio::test]
async fn nothing_is_opened_that_the_audit_does_not_know_of() {
    let world = World::bootstrapped(3, 2).await;
    assert_eq!(world.shared.diary(), ["keys.claim", "keys.activate"]);
    world.shared.diary_is_full.store(true, Ordering::Relaxed);
    assert_eq!(sealed(&world.healthy()).await.code, "audit_unavailable");
    world.shared.diary_is_full.store(false, Ordering::Relaxed);
    world.nexus().await;
    assert_eq!(world.shared.diary().last(), Some(&"keys.open"));
}

#[tokio::test]
async fn memory_mode_makes_keys_without_any_keeper() {
    let mut world = World::new(3, 2);
    world.keepers.clear();
    let site = world.healthy();
    start::fresh(&site, &mut super::super::system_random()).await;
    let open = site.keys.open().expect("open");
    let other = World { keepers: Vec::new(), ..World::new(3, 2) }.healthy();
    start::fresh(&other, &mut super::super::system_random()).await;
    assert_ne!(other.keys.open().expect("open").ring.cluster(), open.ring.cluster());
}

#[tokio::test]
async fn a_surplus_keeper_is_no_shards_keeper() {
    let mut world = World::bootstrapped(3, 2).await;
    let fourth = ShareIndex::new(4).expect("not 0");
    world.keepers.push(super::fakes::Memory::new(fourth));
    let site = world.nexus().await;
    rehydrate::round(&site).await.expect("a round");
    assert!(world.keepers[3].status().sets.is_empty());
    assert!(Arc::strong_count(&world.keepers[3]) > 1, "it was asked");
}
