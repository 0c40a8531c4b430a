//! Keepers that lose their memory have it back; those of others are left alone.

use std::{sync::atomic::Ordering, time::Duration};

use spike_core::{
    ClusterId,
    wire::v2::shard::{SetRole, Witness},
};
use spike_store::Kind;
use tokio::time::{sleep, timeout};

use super::{super::rehydrate, world::World};

#[tokio::test]
async fn a_keeper_that_restarted_is_whole_after_one_round() {
    let world = World::bootstrapped(3, 2).await;
    let site = world.nexus().await;
    let before = world.keepers[1].status().sets;
    world.keepers[1].restart();
    rehydrate::round(&site).await.expect("a round");
    assert_eq!(world.keepers[1].status().sets, before);
    let seen = site.board.of(&site.keepers).swap_remove(1);
    assert!(seen.current && seen.reachable && seen.error.is_none(), "{seen:?}");
}

#[tokio::test]
async fn all_keepers_may_restart_while_one_nexus_lives() {
    let world = World::bootstrapped(5, 3).await;
    let site = world.nexus().await;
    for keeper in &world.keepers {
        keeper.restart();
    }
    rehydrate::round(&site).await.expect("a round");
    world.assert_one_root().await;
}

#[tokio::test]
async fn two_nexus_give_a_keeper_the_very_same_shard() {
    let world = World::bootstrapped(3, 2).await;
    let (one, other) = (world.nexus().await, world.nexus().await);
    world.keepers[0].restart();
    let (first, second) = tokio::join!(rehydrate::round(&one), rehydrate::round(&other));
    assert!(first.is_ok() && second.is_ok());
    for site in [&one, &other] {
        assert_eq!(site.board.of(&site.keepers)[0].error, None, "a repeated put is harmless");
    }
}

#[tokio::test]
async fn keepers_learn_the_counters_without_getting_a_shard() {
    let world = World::bootstrapped(3, 2).await;
    let site = world.nexus().await;
    rehydrate::round(&site).await.expect("a round");
    assert_eq!(world.keepers[0].told(), Witness { ring: 2, policies: 1 }, "nobody read policies");
    world.change_policies(6).await;
    rehydrate::round(&site).await.expect("a round");
    for keeper in &world.keepers {
        assert_eq!(keeper.told(), Witness { ring: 2, policies: 7 });
    }
}

#[tokio::test]
async fn a_keeper_that_is_down_is_named_and_the_others_are_served() {
    let world = World::bootstrapped(3, 2).await;
    let site = world.nexus().await;
    world.down(0, true);
    world.keepers[2].restart();
    rehydrate::round(&site).await.expect("a round");
    let seen = site.board.of(&site.keepers);
    assert!(!seen[0].reachable && !seen[0].current && seen[0].error.is_some());
    assert!(seen[2].current);
    world.down(0, false);
    rehydrate::round(&site).await.expect("a round");
    assert_eq!(site.board.of(&site.keepers)[0].error, None);
}

#[tokio::test]
async fn a_keeper_of_another_cluster_keeps_what_it_has() {
    let world = World::bootstrapped(3, 2).await;
    let site = world.nexus().await;
    world.keepers[0].forge(|_, frame| frame.cluster_id = ClusterId([9; 16]));
    let before = world.keepers[0].status().sets;
    rehydrate::round(&site).await.expect("a round");
    assert_eq!(world.keepers[0].status().sets, before);
    let seen = site.board.of(&site.keepers).swap_remove(0);
    assert!(seen.error.expect("named").contains("another cluster"));
}

/// An attacker puts an old ring back, so that its Keepers forget the newer sets.
#[tokio::test]
async fn a_ring_that_went_back_moves_nothing_on_the_keepers() {
    let mut world = World::bootstrapped(3, 2).await;
    let site = world.nexus().await;
    world.shared = std::sync::Arc::default();
    let empty = world.healthy();
    let robbed = super::super::site::Site { store: empty.store, ..site };
    for keeper in &world.keepers {
        keeper.forge(|role, _| *role = SetRole::Pending);
    }
    let before: Vec<_> = world.keepers.iter().map(|keeper| keeper.status()).collect();
    assert!(rehydrate::round(&robbed).await.is_err());
    let after: Vec<_> = world.keepers.iter().map(|keeper| keeper.status()).collect();
    assert_eq!(after, before);
}

#[tokio::test]
async fn keepers_are_told_of_changed_policies_long_before_the_interval() {
    let world = World::bootstrapped(3, 2).await;
    let site = world.nexus().await;
    assert_eq!(site.interval, Duration::from_secs(10));
    let told = async |counter| {
        while world.keepers.iter().any(|keeper| keeper.told().policies < counter) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let change = async {
        told(1).await;
        world.change_policies(4).await;
        site.watermark.raise(5);
        told(5).await;
    };
    tokio::select! {
        () = rehydrate::forever(&site) => unreachable!("it never ends"),
        told = timeout(Duration::from_secs(5), change) => told.expect("told at once"),
    }
}

#[tokio::test]
async fn a_keeper_that_comes_back_empty_is_whole_long_before_the_interval() {
    let world = World::bootstrapped(3, 2).await;
    let site = world.nexus().await;
    assert_eq!(site.interval, Duration::from_secs(10));
    let keeper = &world.keepers[1];
    keeper.down.store(true, Ordering::Relaxed);
    keeper.restart();
    let come_back = async {
        while site.board.holding() != 2 {
            sleep(Duration::from_millis(1)).await;
        }
        keeper.down.store(false, Ordering::Relaxed);
        while site.board.holding() != 3 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = rehydrate::forever(&site) => unreachable!("it never ends"),
        back = timeout(Duration::from_secs(5), come_back) => back.expect("given at once"),
    }
}

#[tokio::test]
async fn a_ring_or_manifest_lost_under_a_running_nexus_is_told_while_it_lasts() {
    let world = World::bootstrapped(3, 2).await;
    let site = world.nexus().await;
    for (kind, code) in [(Kind::Ring, "store_lost_ring"), (Kind::Manifest, "store_rolled_back")] {
        *world.shared.lost.lock().expect("whole") = Some(kind);
        assert_eq!(rehydrate::round(&site).await.expect_err("lost").code, code);
        assert_eq!(site.trouble.now().expect("told").code, code);
        *world.shared.lost.lock().expect("whole") = None;
        rehydrate::round(&site).await.expect("a round");
        assert_eq!(site.trouble.now(), None, "put back");
    }
}
