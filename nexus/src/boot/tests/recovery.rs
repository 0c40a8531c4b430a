//! Recovery shards: taken out, put back, and worthless to whoever has too few or the wrong ones.

use std::{sync::atomic::Ordering, time::Duration};

use futures::future::join_all;
use rand::{SeedableRng, rngs::StdRng};
use spike_core::{ShareIndex, wire::v2::shard::Witness};
use spike_seal::Shard;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        Boot, BootError, Origin, Parcel, Progress, Wanted, escrow,
        recovery::{self, Collected},
        rehydrate,
        site::Site,
        start,
    },
    world::World,
};

pub(super) async fn recover(world: &World, site: &Site, seed: u64) -> Vec<Shard> {
    let mut random = StdRng::seed_from_u64(seed);
    let given = escrow::recover(site, &world.call(), Wanted::default(), &mut random).await;
    let plain = |parcel| match parcel {
        Parcel::Plain(shard) => shard,
        Parcel::For { .. } => panic!("a set without custodians"),
    };
    given.expect("recovery shards").shards.into_iter().map(plain).collect()
}

pub(super) fn copy(shard: &Shard) -> Shard {
    Shard::received(shard.index(), shard.expose())
}

pub(super) fn damaged(shard: &Shard) -> Shard {
    let mut bytes = *shard.expose();
    bytes[31] ^= 128;
    Shard::received(shard.index(), &bytes)
}

/// Everything lost its memory at once; a Nexus is up and sealed.
async fn after_a_power_cut() -> (World, Site, Vec<Shard>) {
    let world = World::bootstrapped(3, 2).await;
    let shards = recover(&world, &world.nexus().await, 1).await;
    for keeper in &world.keepers {
        keeper.restart();
    }
    let sealed = world.healthy();
    (world, sealed, shards)
}

#[tokio::test]
async fn a_nexus_that_only_recovery_shards_can_open_says_so() {
    let (_world, site, _) = after_a_power_cut().await;
    let opening = tokio::time::timeout(Duration::from_millis(400), start::until_open(&site));
    assert!(opening.await.is_err(), "it opened");
    let reason = site.keys.sealed_reason().expect("sealed");
    let remedy = "`spike operator restore` with 2 recovery shards";
    assert!(reason.message.contains(remedy), "{}", reason.message);
}

#[tokio::test]
async fn the_same_shards_are_given_out_as_often_as_asked() {
    let world = World::bootstrapped(3, 2).await;
    let (one, other) = (world.nexus().await, world.nexus().await);
    let first = recover(&world, &one, 1).await;
    assert_eq!(first.len(), 3);
    for site in [&one, &other, &world.nexus().await] {
        let again = recover(&world, site, 9).await;
        assert!(first.iter().zip(&again).all(|(a, b)| a.expose() == b.expose()));
    }
    assert_eq!(world.ring_revision().await, 3, "written once");
}

#[tokio::test]
async fn many_who_ask_first_at_once_get_the_same_shards() {
    let world = World::bootstrapped(3, 2).await;
    let sites = join_all((0..5).map(|_| world.nexus())).await;
    let asked = sites.iter().zip(0..).map(|(site, seed)| recover(&world, site, seed));
    let shards = join_all(asked).await;
    for other in &shards {
        assert!(shards[0].iter().zip(other).all(|(a, b)| a.expose() == b.expose()));
    }
    assert_eq!(world.ring_revision().await, 3, "one of them made the set");
}

/// A shard in the world whose digest isn't in the ring could never be used.
#[tokio::test]
async fn no_shard_leaves_before_its_digest_is_stored_and_written_down() {
    let world = World::bootstrapped(3, 2).await;
    let (site, mut random) = (world.nexus().await, StdRng::seed_from_u64(1));
    for broken in [&world.shared.diary_is_full, &world.shared.down] {
        broken.store(true, Ordering::Relaxed);
        let wanted = Wanted::default();
        assert!(escrow::recover(&site, &world.call(), wanted, &mut random).await.is_err());
        broken.store(false, Ordering::Relaxed);
        assert_eq!(world.ring_revision().await, 2);
    }
}

#[tokio::test]
async fn all_shards_in_one_call_bring_the_root_back_and_the_keepers_too() {
    let (world, site, shards) = after_a_power_cut().await;
    let collected = Collected::default();
    let some = &shards[1..];
    let progress = recovery::restore_all(&site, &collected, &world.call(), some).await;
    let expected = Progress { collected: 2, remaining: 0, restored: true };
    assert_eq!(progress.expect("restored"), expected);
    rehydrate::round(&site).await.expect("a round");
    world.assert_one_root().await;
    assert!(world.shared.diary().contains(&"keys.restore"));
    assert_eq!(world.keepers[0].told().policies, 1, "what the store has was seen");
}

#[tokio::test]
async fn shards_that_come_one_by_one_bring_the_root_back_with_the_last() {
    let (world, site, shards) = after_a_power_cut().await;
    let collected = Collected::default();
    let give = async |shard: &Shard| {
        recovery::restore_one(&site, &collected, &world.call(), copy(shard)).await
    };
    let waiting = Progress { collected: 1, remaining: 1, restored: false };
    assert_eq!(give(&shards[2]).await.expect("taken"), waiting);
    assert_eq!(give(&shards[2]).await.expect("taken before"), waiting, "it counts once");
    assert!(matches!(give(&damaged(&shards[0])).await, Err(BootError::BadRequest(_))));
    assert!(!site.keys.is_open());
    let done = Progress { collected: 2, remaining: 0, restored: true };
    assert_eq!(give(&shards[0]).await.expect("the last"), done);
    assert!(site.keys.is_open());
    assert!(matches!(give(&shards[1]).await, Err(BootError::AlreadyInitialized)));
}

#[tokio::test]
async fn what_came_one_by_one_can_be_forgotten() {
    let (world, site, shards) = after_a_power_cut().await;
    let collected = Collected::default();
    let give = async |shard: &Shard| {
        recovery::restore_one(&site, &collected, &world.call(), copy(shard)).await
    };
    assert_eq!(give(&shards[0]).await.expect("taken").collected, 1);
    assert_eq!((collected.reset(), collected.reset()), (1, 0));
    assert_eq!(give(&shards[1]).await.expect("the first again").collected, 1);
    assert!(!site.keys.is_open());
}

#[tokio::test]
async fn shards_that_turn_out_not_to_make_the_rings_root_are_all_forgotten() {
    let (world, site, shards) = after_a_power_cut().await;
    world.forge_ring().await;
    let collected = Collected::default();
    let give = async |shard: &Shard| {
        recovery::restore_one(&site, &collected, &world.call(), copy(shard)).await
    };
    for _ in 0..2 {
        assert_eq!(give(&shards[0]).await.expect("taken").collected, 1);
        let refused = give(&shards[1]).await;
        assert!(
            matches!(&refused, Err(BootError::NotReady(why)) if why.code == "ring_forged"),
            "{refused:?}"
        );
    }
    assert!(!site.keys.is_open());
}

#[tokio::test]
async fn a_nexus_that_has_its_key_takes_no_shard() {
    let world = World::bootstrapped(3, 2).await;
    let site = world.nexus().await;
    let shards = recover(&world, &site, 1).await;
    let before = site.keys.open().expect("open").ring.revision();
    let refused = recovery::restore_all(&site, &Collected::default(), &world.call(), &shards).await;
    assert!(matches!(refused, Err(BootError::AlreadyInitialized)));
    assert_eq!(site.keys.open().expect("open").ring.revision(), before);
}

#[tokio::test]
async fn wrong_damaged_foreign_and_too_few_shards_change_nothing() {
    let (world, site, ours) = after_a_power_cut().await;
    let other = World::new(3, 2);
    other.bootstrap(77).await.expect("another cluster");
    let theirs = recover(&other, &other.nexus().await, 1).await;
    let misplaced = Shard::received(ShareIndex::new(3).expect("not 0"), ours[0].expose());
    for (what, shards) in [
        ("too few", vec![copy(&ours[0])]),
        ("one twice", vec![copy(&ours[0]), copy(&ours[0])]),
        ("damaged", vec![copy(&ours[0]), damaged(&ours[1]), copy(&ours[2])]),
        ("foreign", vec![copy(&ours[0]), copy(&theirs[1])]),
        ("all foreign", vec![copy(&theirs[0]), copy(&theirs[1])]),
        ("misplaced", vec![copy(&ours[0]), misplaced]),
        ("none", vec![]),
    ] {
        let collected = Collected::default();
        let refused = recovery::restore_all(&site, &collected, &world.call(), &shards).await;
        assert!(matches!(refused, Err(BootError::BadRequest(_))), "{what}: {refused:?}");
        assert!(!site.keys.is_open(), "{what}");
    }
    assert!(world.keepers.iter().all(|keeper| keeper.status().sets.is_empty()));
}

#[tokio::test]
async fn without_recovery_shards_in_the_ring_none_is_taken() {
    let world = World::bootstrapped(3, 2).await;
    let other = World::bootstrapped(3, 2).await;
    let foreign = recover(&other, &other.nexus().await, 1).await;
    let collected = Collected::default();
    let refused =
        recovery::restore_all(&world.healthy(), &collected, &world.call(), &foreign).await;
    assert!(matches!(refused, Err(BootError::BadRequest(_))), "{refused:?}");
}

#[tokio::test]
async fn a_failed_restore_keeps_what_was_collected() {
    let (world, site, shards) = after_a_power_cut().await;
    let collected = Collected::default();
    let give = async |shard: &Shard| {
        recovery::restore_one(&site, &collected, &world.call(), copy(shard)).await
    };
    give(&shards[0]).await.expect("taken");
    world.shared.diary_is_full.store(true, Ordering::Relaxed);
    assert!(matches!(give(&shards[1]).await, Err(BootError::NotReady(_))));
    assert!(!site.keys.is_open());
    world.shared.diary_is_full.store(false, Ordering::Relaxed);
    assert!(give(&shards[1]).await.expect("again").restored);
}

#[tokio::test]
async fn a_store_that_is_older_than_the_keepers_know_is_not_restored() {
    let (world, site, shards) = after_a_power_cut().await;
    world.keepers[0].remember(Witness { ring: 50, policies: 0 });
    let collected = Collected::default();
    let refused = recovery::restore_all(&site, &collected, &world.call(), &shards).await;
    assert!(
        matches!(&refused, Err(BootError::NotReady(why)) if why.code == "store_rolled_back"),
        "{refused:?}"
    );
    assert!(!site.keys.is_open());
}

#[tokio::test]
async fn shards_that_the_keepers_made_needless_are_forgotten() {
    let world = World::bootstrapped(3, 2).await;
    let shards = recover(&world, &world.nexus().await, 1).await;
    (0..3).for_each(|keeper| world.down(keeper, true));
    let boot =
        Boot { site: world.healthy(), origin: Origin::Keepers, collected: Collected::default() };
    let (index, shard) = (shards[0].index(), shards[0].expose());
    let progress = boot.restore_one(&world.call(), index, shard).await.expect("taken");
    assert_eq!((progress.collected, progress.restored), (1, false));

    (0..3).for_each(|keeper| world.down(keeper, false));
    let stop = CancellationToken::new();
    let first_round = async {
        while world.keepers[0].told().ring < 3 {
            sleep(Duration::from_millis(1)).await;
        }
        stop.cancel();
    };
    let work = async { tokio::join!(boot.run(stop.clone()), first_round) };
    timeout(Duration::from_secs(30), work).await.expect("it opens and tells the Keepers");
    assert!(boot.site.keys.is_open());
    assert_eq!(boot.reset_restore(), 0);
}
