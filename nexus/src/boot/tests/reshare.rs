//! A re-share as it goes when something is in its way: what it waits for, and what is said of it.

use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

use futures::future::join_all;
use rand::{SeedableRng, rngs::StdRng};
use spike_core::{
    Quorum, ShareIndex,
    wire::v2::shard::{SetRole, StatusResponse},
};
use spike_seal::{KeyRing, SealError, ShardSet};
use tokio::time::timeout;

use super::{
    super::{
        BootError,
        bootstrap::{self, Outcome},
        recovery, rehydrate,
        reshare::{Asked, Turn, Wish, advance, ensure, is_under_way},
        site::Site,
        start, system_random,
    },
    fakes::Process,
    recovery::recover,
    world::{FOREVER, World},
};

pub(super) fn wish(generation: u64, shares: u64, threshold: u64) -> Wish {
    Wish { generation, quorum: Quorum::new(shares, threshold).expect("valid") }
}

/// Three Keepers with shards, two without.
pub(super) async fn five_keepers() -> World {
    World::bootstrapped(3, 2).await.with_spare_keepers(2)
}

pub(super) async fn ask(site: &Site, wish: Wish) -> Result<KeyRing, BootError> {
    ask_knowing(site, wish, None).await
}

async fn ask_knowing(site: &Site, wish: Wish, expect: Option<u64>) -> Result<KeyRing, BootError> {
    let asked = Asked { wish, expect };
    let ensured = ensure(site, &site.call(None), asked, &mut system_random()).await;
    ensured.map(|unsealed| unsealed.ring.clone())
}

pub(super) fn ring(site: &Site) -> KeyRing {
    site.keys.open().expect("open").ring.clone()
}

/// What a Keeper holds, by role and epoch.
fn held(world: &World, keeper: usize) -> Vec<(SetRole, u32)> {
    let sets = world.keepers[keeper].status().sets;
    let mut held: Vec<_> = sets.iter().map(|set| (set.role, set.epoch)).collect();
    held.sort_by_key(|(_, epoch)| std::cmp::Reverse(*epoch));
    held
}

/// The set is in force, and nothing of another one is left anywhere.
pub(super) fn assert_settled(world: &World, ring: &KeyRing, wish: Wish) {
    assert_eq!(Wish::of(ring.current()), wish);
    assert!(ring.pending().is_none() && ring.previous().is_none(), "{ring:?}");
    for (keeper, index) in world.keepers.iter().zip(1..) {
        let sets = keeper.status().sets;
        let expected = ShareIndex::new(index).and_then(|index| {
            let set = ring.current();
            Some((SetRole::Current, set.id, *set.digests.get(index.ordinal())?))
        });
        let held: Vec<_> = sets.iter().map(|set| (set.role, set.set_id, set.digest)).collect();
        assert_eq!(held, Vec::from_iter(expected), "Keeper {index}");
    }
}

#[tokio::test]
async fn the_split_grows_and_shrinks_and_the_keys_stay_what_they_were() {
    let world = five_keepers().await;
    let site = world.nexus().await;
    let audit_key = |site: &Site| *site.keys.open().expect("open").keys.audit_key().1;
    let before = audit_key(&site);
    for (epoch, wish) in (2..).zip([wish(2, 5, 3), wish(3, 5, 4), wish(4, 3, 2), wish(5, 4, 2)]) {
        let claimed = ask(&site, wish).await.expect("claimed");
        assert_eq!(claimed.reshare_to().map(Wish::of), Some(wish));
        rehydrate::round(&site).await.expect("a round");
        assert_settled(&world, &ring(&site), wish);
        assert_eq!((ring(&site).current().epoch, ring(&site).root_epoch()), (epoch, 1));
        assert_eq!(audit_key(&world.nexus().await), before);
    }
    let steps = ["keys.commit", "keys.committed", "keys.settle", "keys.settled"];
    let told: Vec<_> = world.shared.diary().into_iter().filter(|op| steps.contains(op)).collect();
    assert_eq!(told, steps.repeat(4));
}

#[tokio::test]
async fn asking_again_changes_nothing() {
    let world = five_keepers().await;
    let site = world.nexus().await;
    let in_force = ring(&site);
    assert_eq!(ask(&site, wish(1, 3, 2)).await.expect("in force"), in_force);
    let claimed = ask(&site, wish(2, 5, 3)).await.expect("claimed");
    assert_eq!(ask(&site, wish(2, 5, 3)).await.expect("under way"), claimed);
    let other = world.nexus().await;
    assert_eq!(ask(&other, wish(2, 5, 3)).await.expect("on any replica"), claimed);
    rehydrate::round(&site).await.expect("a round");
    let settled = ring(&site);
    assert_eq!(ask(&other, wish(2, 5, 3)).await.expect("in force"), settled);
}

#[tokio::test]
async fn a_keeper_that_is_down_is_waited_for_and_named() {
    let world = five_keepers().await;
    let site = world.nexus().await;
    world.down(4, true);
    ask(&site, wish(2, 5, 3)).await.expect("claimed");
    rehydrate::round(&site).await.expect("a round");
    assert!(is_under_way(&site));
    assert_eq!(held(&world, 0), [(SetRole::Pending, 2), (SetRole::Current, 1)]);
    assert_eq!(held(&world, 3), [(SetRole::Pending, 2)]);
    let turn = Turn::of(&ring(&site), &site.board.statuses());
    let reason = turn.told(&ring(&site)).expect("under way");
    assert_eq!(reason.code, "reshare_under_way");
    let said = "the re-share to 3 of 5 (generation 2) waits for Keepers 5";
    assert_eq!(reason.message, said);

    // The old epoch is what a start finds meanwhile.
    assert_eq!(ring(&world.nexus().await).current().epoch, 1);
    world.down(4, false);
    rehydrate::round(&site).await.expect("a round");
    assert_settled(&world, &ring(&site), wish(2, 5, 3));
}

#[tokio::test]
async fn more_shares_than_this_nexus_knows_keepers_are_refused_by_the_variables_name() {
    let world = World::bootstrapped(3, 2).await;
    let site = world.nexus().await;
    let refused = ask(&site, wish(2, 5, 3)).await;
    let Err(BootError::BadRequest(why)) = refused else { panic!("{refused:?}") };
    assert!(why.starts_with("shares: ") && why.contains("SPIKE_NEXUS_KEEPER_PEERS"), "{why}");
    assert_eq!(world.ring_revision().await, 2);
}

/// A replica that hasn't been told of the new Keepers can't see whether they are ready.
#[tokio::test]
async fn a_nexus_with_a_shorter_list_of_keepers_leaves_the_commit_to_others() {
    let world = five_keepers().await;
    let short = Site { keepers: world.healthy().keepers[..3].to_vec(), ..world.nexus().await };
    let full = world.nexus().await;
    ask(&full, wish(2, 5, 3)).await.expect("claimed");
    rehydrate::round(&short).await.expect("a round");
    assert!(ring(&short).reshare_to().is_some(), "not committed");
    assert_eq!(held(&world, 2), [(SetRole::Pending, 2), (SetRole::Current, 1)], "but put");
    rehydrate::round(&full).await.expect("a round");
    rehydrate::round(&short).await.expect("a round");
    assert_settled(&world, &ring(&short), wish(2, 5, 3));
}

#[tokio::test]
async fn a_target_is_withdrawn_or_replaced_until_it_is_committed() {
    let world = five_keepers().await;
    let site = world.nexus().await;
    world.down(4, true);
    ask(&site, wish(2, 5, 3)).await.expect("claimed");
    rehydrate::round(&site).await.expect("a round");
    let replaced = ask(&site, wish(3, 5, 4)).await.expect("replaced");
    assert_eq!(replaced.reshare_to().map(|set| (set.epoch, set.attempt)), Some((2, 2)));
    rehydrate::round(&site).await.expect("a round");
    assert_eq!(held(&world, 0), [(SetRole::Pending, 2), (SetRole::Current, 1)]);

    let withdrawn = ask(&site, wish(4, 3, 2)).await.expect("withdrawn");
    assert_eq!(Wish::of(withdrawn.current()), wish(4, 3, 2));
    rehydrate::round(&site).await.expect("a round");
    world.down(4, false);
    rehydrate::round(&site).await.expect("a round");
    assert_settled(&world, &ring(&site), wish(4, 3, 2));

    // The next claim has a lower attempt than the one that Keepers were told to forget.
    let next = ask(&site, wish(5, 4, 3)).await.expect("claimed");
    assert_eq!(next.reshare_to().map(|set| (set.epoch, set.attempt)), Some((2, 1)));
    rehydrate::round(&site).await.expect("a round");
    assert_settled(&world, &ring(&site), wish(5, 4, 3));
}

/// A Keeper was away when the claim was withdrawn and still holds it.
#[tokio::test]
async fn a_keeper_forgets_a_withdrawn_set_before_it_takes_the_next() {
    let world = five_keepers().await;
    let site = world.nexus().await;
    world.down(4, true);
    for wish in [wish(2, 5, 3), wish(3, 5, 4)] {
        ask(&site, wish).await.expect("claimed");
        rehydrate::round(&site).await.expect("a round");
    }
    world.down(0, true);
    ask(&site, wish(4, 3, 2)).await.expect("withdrawn");
    rehydrate::round(&site).await.expect("a round");
    ask(&site, wish(5, 4, 3)).await.expect("claimed");
    world.down(0, false);
    rehydrate::round(&site).await.expect("a round");
    assert_settled(&world, &ring(&site), wish(5, 4, 3));
}

/// Takes the steps one by one up to the commit in the ring.
async fn committed(site: &Site, wish: Wish) {
    ask(site, wish).await.expect("claimed");
    let tended = rehydrate::tend(site).await.expect("put");
    assert!(advance(site, &tended).await.expect("committed"));
    assert!(ring(site).reshare_from().is_some());
}

#[tokio::test]
async fn another_target_waits_until_the_last_one_has_settled() {
    let world = five_keepers().await;
    let site = world.nexus().await;
    committed(&site, wish(2, 5, 3)).await;
    world.down(4, true);
    rehydrate::round(&site).await.expect("a round");
    let refused = ask(&site, wish(3, 4, 2)).await;
    let Err(BootError::Unsettled(which)) = refused else { panic!("{refused:?}") };
    assert_eq!(which, "3 of 5 (generation 2)");
    ask(&site, wish(2, 5, 3)).await.expect("the same wish is under way");
    let turn = Turn::of(&ring(&site), &site.board.statuses());
    assert_eq!(turn, Turn::Wait(vec![ShareIndex::new(5).expect("not 0")]));

    world.down(4, false);
    rehydrate::round(&site).await.expect("a round");
    ask(&site, wish(3, 4, 2)).await.expect("now it may");
}

#[tokio::test]
async fn after_the_commit_a_start_takes_the_shards_of_either_set() {
    let world = five_keepers().await;
    let site = world.nexus().await;
    committed(&site, wish(2, 5, 3)).await;
    // No Keeper has committed. Two are left: too few of the new set, enough of the old one.
    for keeper in 2..5 {
        world.down(keeper, true);
    }
    assert_eq!(ring(&world.nexus().await).current().epoch, 2);
    // Three are left, one of which never had an old shard: enough of the new set only.
    for keeper in 0..5 {
        world.down(keeper, keeper < 2);
    }
    let late = world.nexus().await;
    for keeper in 0..2 {
        world.down(keeper, false);
        world.keepers[keeper].restart();
    }
    rehydrate::round(&late).await.expect("a round");
    assert_settled(&world, &ring(&late), wish(2, 5, 3));
}

#[tokio::test]
async fn nothing_settles_before_the_keepers_shards_were_tried() {
    let world = five_keepers().await;
    let site = world.nexus().await;
    committed(&site, wish(2, 5, 3)).await;
    // They say that they hold the right shard, and give another.
    for keeper in &world.keepers[..3] {
        keeper.flip_a_bit();
    }
    rehydrate::round(&site).await.expect("a round");
    assert!(ring(&site).reshare_from().is_some(), "settled on a word");
    let reason = site.unproved.now().expect("told");
    assert_eq!(reason.code, "reshare_unproved");
    assert!(reason.message.contains("2 usable shards, 3 are needed"), "{reason:?}");
    world.keepers[0].restart();
    rehydrate::round(&site).await.expect("a round");
    assert_eq!(site.unproved.now(), None);
    assert!(!is_under_way(&site), "three are enough");
}

#[tokio::test]
async fn nothing_moves_on_that_the_audit_does_not_know_of() {
    let world = five_keepers().await;
    let site = world.nexus().await;
    let claimed = ask(&site, wish(2, 5, 3)).await.expect("claimed");
    world.shared.diary_is_full.store(true, Ordering::Relaxed);
    let refused = rehydrate::round(&site).await.expect_err("no audit");
    assert_eq!((refused.code, ring(&site)), ("audit_unavailable", claimed));
    world.shared.diary_is_full.store(false, Ordering::Relaxed);
    rehydrate::round(&site).await.expect("a round");
    assert_settled(&world, &ring(&site), wish(2, 5, 3));
}

#[tokio::test]
async fn a_wish_is_carried_out_long_before_the_interval() {
    let world = five_keepers().await;
    let site = world.nexus().await;
    assert_eq!(site.interval, Duration::from_secs(10));
    let done = async {
        rehydrate::round(&site).await.expect("the usual one");
        ask(&site, wish(2, 5, 3)).await.expect("claimed");
        while is_under_way(&site) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = rehydrate::forever(&site) => unreachable!("it never ends"),
        done = timeout(Duration::from_secs(8), done) => done.expect("at once"),
    }
}

#[tokio::test]
async fn recovery_shards_taken_before_a_re_share_restore_after_it() {
    let world = five_keepers().await;
    let site = world.nexus().await;
    let shards = recover(&world, &site, 1).await;
    ask(&site, wish(2, 5, 3)).await.expect("claimed");
    rehydrate::round(&site).await.expect("a round");
    for keeper in &world.keepers {
        keeper.restart();
    }
    let site = world.healthy();
    let collected = recovery::Collected::default();
    let restored = recovery::restore_all(&site, &collected, &world.call(), &shards[1..]).await;
    assert!(restored.expect("two are enough").restored);
    rehydrate::round(&site).await.expect("a round");
    assert_settled(&world, &ring(&site), wish(2, 5, 3));
    world.nexus().await;
}

#[tokio::test]
async fn a_bootstrap_that_runs_again_finds_its_root_key_at_every_step() {
    let world = five_keepers().await;
    let site = world.nexus().await;
    committed(&site, wish(2, 5, 3)).await;
    let bootstrapped = world.healthy();
    let again = bootstrap::run(&bootstrapped, &mut StdRng::seed_from_u64(9)).await;
    assert_eq!(again, Ok(Outcome::Present));
    rehydrate::round(&site).await.expect("a round");
    assert_eq!(world.bootstrap(10).await, Ok(Outcome::Present));
    assert_settled(&world, &ring(&site), wish(2, 5, 3));
}

/// A store from before the re-share names only shards that nobody holds any more.
#[tokio::test]
async fn a_store_from_before_the_re_share_is_called_what_it_is() {
    let mut world = five_keepers().await;
    let backup = super::world::Backup::of(&world).await;
    let site = world.nexus().await;
    ask(&site, wish(2, 5, 3)).await.expect("claimed");
    rehydrate::round(&site).await.expect("a round");
    backup.restore(&mut world).await;
    let late = world.healthy();
    assert!(timeout(Duration::from_millis(400), start::until_open(&late)).await.is_err());
    let reason = late.keys.sealed_reason().expect("sealed");
    assert_eq!(reason.code, "store_rolled_back");
    assert!(reason.message.contains("from 5 to 2"), "{}", reason.message);
}

#[tokio::test]
async fn a_store_from_before_the_re_share_comes_back_with_recovery_shards_and_empty_keepers() {
    let mut world = five_keepers().await;
    let site = world.nexus().await;
    let shards = recover(&world, &site, 1).await;
    let backup = super::world::Backup::of(&world).await;
    ask(&site, wish(2, 5, 3)).await.expect("claimed");
    rehydrate::round(&site).await.expect("a round");
    backup.restore(&mut world).await;

    let collected = recovery::Collected::default();
    let late = world.healthy();
    let refused = recovery::restore_all(&late, &collected, &world.call(), &shards).await;
    assert!(matches!(&refused, Err(BootError::NotReady(why)) if why.code == "store_rolled_back"));
    for keeper in &world.keepers {
        keeper.restart();
    }
    let restored = recovery::restore_all(&late, &collected, &world.call(), &shards).await;
    assert!(restored.expect("they witness nothing").restored);
    rehydrate::round(&late).await.expect("a round");
    assert_settled(&world, &ring(&late), wish(1, 3, 2));
}

#[tokio::test]
async fn what_comes_next_follows_from_what_every_keeper_holds() {
    let world = five_keepers().await;
    let site = world.nexus().await;
    let old = ring(&site);
    assert_eq!(Turn::of(&old, &BTreeMap::new()), Turn::Rest);
    let claimed = ask(&site, wish(2, 4, 3)).await.expect("claimed");
    let statuses = |world: &World, known: usize| -> BTreeMap<ShareIndex, StatusResponse> {
        let statuses = world.keepers[..known].iter().map(|keeper| keeper.status());
        statuses.map(|status| (status.index, status)).collect()
    };
    let all: Vec<ShareIndex> = claimed.reshare_to().expect("pending").quorum.indices().collect();
    assert_eq!(Turn::of(&claimed, &statuses(&world, 5)), Turn::Wait(all.clone()));
    rehydrate::tend(&site).await.expect("put");
    assert_eq!(Turn::of(&claimed, &statuses(&world, 3)), Turn::Wait(all[3..].to_vec()));
    assert_eq!(Turn::of(&claimed, &statuses(&world, 4)), Turn::Commit);
    world.keepers[1].forge(|_, frame| frame.digest.0[0] ^= 1);
    assert_eq!(Turn::of(&claimed, &statuses(&world, 5)), Turn::Wait(all[1..2].to_vec()));
    world.keepers[1].forge(|_, frame| frame.digest.0[0] ^= 1);

    let unsealed = site.keys.open().expect("open");
    let after = claimed.committed(&unsealed.root).expect("committed");
    assert_eq!(Turn::of(&after, &statuses(&world, 5)), Turn::Wait(all));
    let twice: Result<ShardSet, SealError> =
        after.committed(&unsealed.root).map(|_| unreachable!());
    assert_eq!(twice.err(), Some(SealError::Unsettled));
}

/// Every replica tries, and says so before.
#[tokio::test]
async fn of_replicas_that_race_the_audit_names_the_one_that_took_the_step() {
    let world = five_keepers().await;
    let processes = [0, 1, 2].map(|seed| Process::new(seed, FOREVER));
    let sites = join_all(processes.iter().map(|process| world.nexus_as(process))).await;
    ask(&sites[0], wish(2, 5, 3)).await.expect("claimed");
    for rounds in [0, 1].map(|_| sites.iter().map(rehydrate::round)) {
        drop(join_all(rounds).await);
    }
    assert_settled(&world, &ring(&sites[0]), wish(2, 5, 3));
    let diary = world.shared.diary();
    for (tried, took) in [("keys.commit", "keys.committed"), ("keys.settle", "keys.settled")] {
        let times = |op| diary.iter().filter(|line| **line == op).count();
        assert!(times(tried) >= 1 && times(took) == 1, "{diary:?}");
    }
}

/// A revert goes back in generations on purpose; what was on its way for long does not.
#[tokio::test]
async fn a_wish_that_comes_late_does_not_reverse_what_was_done_since() {
    let world = five_keepers().await;
    let site = world.nexus().await;
    ask_knowing(&site, wish(6, 5, 3), Some(1)).await.expect("claimed");
    ask_knowing(&site, wish(6, 5, 3), Some(1)).await.expect("under way");
    rehydrate::round(&site).await.expect("a round");
    let in_force = ring(&site);
    let again = ask_knowing(&site, wish(6, 5, 3), Some(1)).await.expect("in force");
    assert_eq!(again, in_force);

    let late = ask_knowing(&site, wish(5, 4, 2), Some(1)).await;
    let Err(error @ BootError::Changed { in_force: 6, expected: 1 }) = late else {
        panic!("{late:?}")
    };
    assert!(error.to_string().contains("generation 6 is in force, not 1"), "{error}");
    assert_eq!(ring(&site), in_force);
    let reverted = ask_knowing(&site, wish(5, 4, 2), Some(6)).await.expect("claimed");
    assert_eq!(reverted.reshare_to().map(Wish::of), Some(wish(5, 4, 2)));
}
