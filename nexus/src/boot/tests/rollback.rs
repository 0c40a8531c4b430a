//! Promise P10, as far as whole stores go: an older one is refused, and taken only when told to.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use rand::{SeedableRng, rngs::StdRng};
use spike_core::{
    Revision, SetId,
    wire::v2::shard::{SetRole, Witness},
};
use spike_store::{Document, DocumentPut, Documents, Generation, Kind, Names};

use super::{
    super::{
        BootError, rehydrate,
        rollback::{self, UNTOLD},
        site::Site,
        start,
    },
    recovery,
    reshare::{ask, assert_settled, five_keepers, ring, wish},
    world::{Backup, World},
};
use crate::keys::KeysError;

fn generation(counter: u64) -> Generation {
    Generation { counter, tag: [1; 16] }
}

#[test]
fn each_counter_is_compared_by_itself() {
    let seen = Witness { ring: 5, policies: 9 };
    let check = |ring, counter| rollback::check(Revision(ring), generation(counter), seen);
    assert_eq!((check(5, 9), check(6, 10)), (Ok(()), Ok(())));
    for (ring, counter, what) in
        [(4, 9, "the key ring went back from 5 to 4"), (9, 8, "the policies went back from 9 to 8")]
    {
        let reason = check(ring, counter).expect_err("older");
        assert_eq!(reason.code, "store_rolled_back");
        assert!(reason.message.contains(what), "{}", reason.message);
    }
}

async fn sealed(world: &World) -> &'static str {
    let site = world.healthy();
    let opening =
        tokio::time::timeout(std::time::Duration::from_millis(300), start::until_open(&site));
    assert!(opening.await.is_err(), "it opened");
    site.keys.sealed_reason().expect("sealed").code
}

/// A store as it was before `since` happened: what a restored backup shows.
async fn rolled_back(world: &mut World, since: impl AsyncFnOnce(&World)) {
    let backup = Backup::of(world).await;
    since(world).await;
    backup.restore(world).await;
}

async fn recover(world: &World) -> Site {
    let site = world.nexus().await;
    recovery::recover(world, &site, 1).await;
    rehydrate::round(&site).await.expect("the Keepers are told");
    site
}

#[tokio::test]
async fn a_starting_nexus_refuses_a_store_that_is_older_than_the_keepers_know() {
    let mut world = World::bootstrapped(3, 2).await;
    rolled_back(&mut world, async |world| drop(recover(world).await)).await;
    assert_eq!(world.keepers[0].told().ring, 3, "the ring with recovery shards");
    assert_eq!(sealed(&world).await, "store_rolled_back");

    world.keepers[0].restart();
    world.keepers[1].remember(Witness::default());
    assert_eq!(sealed(&world).await, "store_rolled_back", "one Keeper that remembers is enough");
}

#[tokio::test]
async fn policies_that_went_back_are_refused_though_the_ring_did_not() {
    let world = World::bootstrapped(3, 2).await;
    world.keepers[2].remember(Witness { ring: 0, policies: 2 });
    assert_eq!(sealed(&world).await, "store_rolled_back");
}

/// The Nexus that changed them is gone, and nobody had read the policies since.
#[tokio::test]
async fn changed_policies_that_are_put_back_are_refused_by_a_new_nexus() {
    let mut world = World::bootstrapped(3, 2).await;
    rolled_back(&mut world, async |world| {
        let site = world.nexus().await;
        world.change_policies(1).await;
        rehydrate::round(&site).await.expect("the Keepers are told");
    })
    .await;
    assert_eq!(sealed(&world).await, "store_rolled_back");
}

#[tokio::test]
async fn a_nexus_that_has_its_keys_refuses_a_ring_that_goes_back() {
    let mut world = World::bootstrapped(3, 2).await;
    let mut nexus = None;
    rolled_back(&mut world, async |world| nexus = Some(recover(world).await)).await;
    let nexus = nexus.expect("it ran");
    let gone_back = nexus.keys.at(Revision(2), &world.call()).await;
    let expected = (Revision(3), Revision(2));
    assert!(
        matches!(gone_back, Err(KeysError::RolledBack { seen, found }) if (seen, found) == expected)
    );
}

#[tokio::test]
async fn an_accepted_store_is_above_everything_that_was_seen() {
    let mut world = World::bootstrapped(3, 2).await;
    rolled_back(&mut world, async |world| drop(recover(world).await)).await;
    world.keepers[1].remember(Witness { ring: 7, policies: 20 });

    let site = world.healthy();
    let mut random = StdRng::seed_from_u64(1);
    let accepted = rollback::accept(&site, &world.call(), &mut random).await.expect("accepted");
    let (ring, policies) = (8 + UNTOLD, 21 + UNTOLD);
    assert_eq!(accepted, (ring, policies));
    let open = site.keys.open().expect("it opened itself");
    assert_eq!((open.ring.revision(), site.watermark.get()), (Revision(ring), policies));
    assert!(world.shared.diary().contains(&"keys.acceptRollback"));

    rehydrate::round(&site).await.expect("the Keepers are told");
    assert_eq!(world.keepers[0].told(), Witness { ring, policies });
    world.nexus().await;
}

#[tokio::test]
async fn counters_that_no_store_can_have_lock_nobody_out() {
    let world = World::bootstrapped(3, 2).await;
    for lie in [Witness::HIGHEST + 1, u64::MAX] {
        world.keepers[1].remember(Witness { ring: lie, policies: lie });
        let site = world.nexus().await;
        let table = site.board.of(&site.keepers);
        let said = table[1].error.as_deref().unwrap_or_default();
        assert!(said.contains("counters that no store can have"), "{said}");
    }
}

#[tokio::test]
async fn above_the_highest_lie_that_is_believed_there_is_room_to_go_on() {
    let world = World::bootstrapped(3, 2).await;
    let top = Witness::HIGHEST;
    world.keepers[1].remember(Witness { ring: top, policies: top });
    assert_eq!(sealed(&world).await, "store_rolled_back");
    let (site, mut random) = (world.healthy(), StdRng::seed_from_u64(1));
    let accepted = rollback::accept(&site, &world.call(), &mut random).await.expect("accepted");
    assert_eq!(accepted, (top + 1 + UNTOLD, top + 1 + UNTOLD));

    world.keepers[0].restart();
    rehydrate::round(&site).await.expect("the Keepers are told");
    let told = world.keepers[0].told();
    assert_eq!(told, Witness { ring: top, policies: top }, "what a Keeper takes");
    world.nexus().await;
}

#[tokio::test]
async fn a_store_that_is_not_older_has_nothing_to_accept() {
    let world = World::bootstrapped(3, 2).await;
    let (site, mut random) = (world.nexus().await, StdRng::seed_from_u64(1));
    let refused = rollback::accept(&site, &world.call(), &mut random).await;
    assert!(matches!(refused, Err(BootError::BadRequest(_))), "{refused:?}");
    assert_eq!(world.ring_revision().await, 2);
}

/// Accepting takes an older store, never a forged one.
#[tokio::test]
async fn an_edited_ring_is_not_accepted() {
    let mut world = World::bootstrapped(3, 2).await;
    rolled_back(&mut world, async |world| drop(recover(world).await)).await;
    let seen = world.shared.store.load(&world.call(), Kind::Ring, Names::All).await;
    let ring = seen.expect("it answers").value.swap_remove(0);
    let text = String::from_utf8(ring.bytes.to_vec()).expect("JSON");
    let edited = text.replace("\"generation\":1", "\"generation\":2");
    assert_ne!(edited, text);
    let edited = edited.replace("\"revision\":2", "\"revision\":9");
    let document = Document { revision: Revision(9), bytes: Bytes::from(edited), ..ring };
    let put = DocumentPut { kind: Kind::Ring, expect: Some(Revision(2)), document };
    world.shared.store.change(&world.call(), vec![put], Vec::new()).await.expect("only bytes");

    let (site, mut random) = (world.healthy(), StdRng::seed_from_u64(1));
    let refused = rollback::accept(&site, &world.call(), &mut random).await;
    assert!(matches!(&refused, Err(BootError::NotReady(why)) if why.code == "ring_forged"));
    assert_eq!(sealed(&world).await, "ring_forged");
}

/// A store of before a settled re-share, and the Nexus that has run all the time.
async fn before_a_reshare() -> (World, Site) {
    let mut world = five_keepers().await;
    let mut nexus = None;
    rolled_back(&mut world, async |world| {
        let site = world.nexus().await;
        ask(&site, wish(2, 5, 3)).await.expect("claimed");
        rehydrate::round(&site).await.expect("a round");
        assert_settled(world, &ring(&site), wish(2, 5, 3));
        nexus = Some(site);
    })
    .await;
    let robbed = Site { store: world.healthy().store, ..nexus.expect("it ran") };
    (world, robbed)
}

async fn accept(world: &World, site: &Site) -> Result<(u64, u64), BootError> {
    rollback::accept(site, &world.call(), &mut StdRng::seed_from_u64(1)).await
}

/// The Keepers have forgotten every shard that the backup names.
#[tokio::test]
async fn a_store_of_before_a_re_share_is_accepted_with_shards_that_the_keepers_take() {
    let (world, nexus) = before_a_reshare().await;
    assert_eq!(sealed(&world).await, "store_rolled_back");
    accept(&world, &nexus).await.expect("accepted");
    assert_eq!(ring(&nexus).current().epoch, 3, "above what the Keepers hold");

    rehydrate::round(&nexus).await.expect("a round");
    assert_settled(&world, &ring(&nexus), wish(1, 3, 2));
    drop(nexus);
    let fresh = world.nexus().await;
    assert_eq!(ring(&fresh).current().epoch, 3);
    ask(&fresh, wish(2, 5, 3)).await.expect("claimed");
    rehydrate::round(&fresh).await.expect("a round");
    assert_settled(&world, &ring(&fresh), wish(2, 5, 3));
}

#[tokio::test]
async fn keepers_that_were_away_when_a_store_was_accepted_are_no_reason_to_restart_them() {
    let (world, nexus) = before_a_reshare().await;
    (0..5).for_each(|keeper| world.down(keeper, true));
    accept(&world, &nexus).await.expect("accepted");
    assert_eq!(ring(&nexus).current().epoch, 1, "nobody said anything else");
    (0..5).for_each(|keeper| world.down(keeper, false));
    rehydrate::round(&nexus).await.expect("a round");
    let table = nexus.board.of(&nexus.keepers);
    let said = table[0].error.as_deref().unwrap_or_default();
    assert!(said.contains("`spike operator accept-rollback`"), "{said}");

    accept(&world, &nexus).await.expect("accepted");
    rehydrate::round(&nexus).await.expect("a round");
    assert_settled(&world, &ring(&nexus), wish(1, 3, 2));
    let again = accept(&world, &nexus).await;
    assert!(matches!(again, Err(BootError::BadRequest(_))), "{again:?}");
}

#[tokio::test]
async fn an_epoch_that_no_keeper_can_have_does_not_use_up_all_epochs() {
    let world = World::bootstrapped(3, 2).await;
    let nexus = world.nexus().await;
    world.keepers[1].forge(|_, frame| (frame.epoch, frame.set_id) = (u32::MAX, SetId([7; 16])));
    assert!(world.keepers[1].status().sets.iter().all(|set| set.role == SetRole::Current));
    let refused = accept(&world, &nexus).await;
    assert!(matches!(refused, Err(BootError::BadRequest(_))), "{refused:?}");
}

/// The store knows the write by its tags, though the epochs that it was decided under are gone.
#[tokio::test]
async fn an_acceptance_whose_answer_got_lost_is_one() {
    let mut world = World::bootstrapped(3, 2).await;
    rolled_back(&mut world, async |world| drop(recover(world).await)).await;
    world.shared.lose_answers.store(1, Ordering::Relaxed);
    let accepted = accept(&world, &world.healthy()).await.expect("accepted");
    assert_eq!((accepted.0, world.ring_revision().await), (4 + UNTOLD, 4 + UNTOLD));
}
