//! A re-share under everything that can happen between two of its steps: at each of them the old or
//! the new epoch is whole, and whoever is left brings it to its end.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::future::join_all;
use proptest::prelude::*;
use spike_core::wire::v2::shard::StatusResponse;
use spike_seal::KeyRing;
use tokio::time::{sleep, timeout};

use super::{
    super::{
        rehydrate,
        reshare::{Wish, advance, is_under_way},
        site::Site,
        start,
    },
    fakes::{Memory, Process},
    reshare::{ask, assert_settled, five_keepers, ring, wish},
    world::{Backup, World},
};

/// Each test goes up and down: Keepers join, and Keepers leave.
async fn worlds() -> [(World, Wish); 2] {
    let grown = five_keepers().await;
    carry_out(&grown.nexus().await, wish(2, 5, 3)).await;
    [(five_keepers().await, wish(2, 5, 3)), (grown, wish(3, 3, 2))]
}

/// What everyone does together: the one who asks repeats it until it is heard, and the Nexus that
/// heard it goes on until nothing is left to do.
async fn carry_out(site: &Site, wish: Wish) {
    while ask(site, wish).await.is_err() {
        sleep(Duration::from_millis(1)).await;
    }
    loop {
        if rehydrate::round(site).await.is_ok() && !is_under_way(site) {
            return;
        }
        sleep(Duration::from_millis(1)).await;
    }
}

async fn in_time(work: impl Future<Output = ()>) {
    timeout(Duration::from_mins(1), work).await.expect("it ends");
}

/// The ring that is stored.
fn stored(world: &World) -> KeyRing {
    world.shared.rings().into_iter().max_by_key(KeyRing::revision).expect("an active ring")
}

/// Every Keeper of the set in force holds its shard, but for those that lost it.
fn assert_whole(world: &World, lost: &[usize]) {
    let ring = stored(world);
    let set = ring.current();
    for index in set.quorum.indices().filter(|index| !lost.contains(&index.ordinal())) {
        let StatusResponse { sets, .. } = world.keepers[index.ordinal()].status();
        let digest = set.digests[index.ordinal()];
        let holds = sets.iter().any(|held| held.set_id == set.id && held.digest == digest);
        assert!(holds, "Keeper {index} lacks epoch {}: {sets:?}", set.epoch);
    }
}

/// Whoever is left starts from the Keepers' memory alone and brings it to its end.
async fn assert_it_goes_on(world: &World, wish: Wish) {
    let late = world.nexus().await;
    in_time(carry_out(&late, wish)).await;
    assert_settled(world, &ring(&late), wish);
    let revisions: Vec<_> = world.shared.rings().iter().map(KeyRing::revision).collect();
    assert!(revisions.is_sorted_by(|a, b| a < b), "{revisions:?}");
}

/// So many steps one Nexus takes for it.
async fn steps(of: usize) -> usize {
    let (world, wish) = worlds().await.into_iter().nth(of).expect("there are two");
    let process = Process::new(0, usize::MAX);
    let site = world.nexus_as(&process).await;
    let before = process.steps();
    in_time(carry_out(&site, wish)).await;
    process.steps() - before
}

#[tokio::test]
async fn a_nexus_that_dies_between_any_two_steps_leaves_one_epoch_whole() {
    for direction in 0..2 {
        for step in 0..steps(direction).await {
            let (world, wish) = worlds().await.into_iter().nth(direction).expect("there are two");
            let process = Process::new(step as u64, usize::MAX);
            let site = world.nexus_as(&process).await;
            process.dies_in(step);
            let lived = process.run(carry_out(&site, wish)).await;
            assert!(lived.is_none(), "it died at step {step}");
            assert_whole(&world, &[]);
            assert_it_goes_on(&world, wish).await;
        }
    }
}

#[tokio::test]
async fn a_keeper_that_loses_its_memory_at_any_step_is_filled_again() {
    for direction in 0..2 {
        for step in 0..steps(direction).await {
            for lost in [0, 4] {
                let (world, wish) = worlds().await.into_iter().nth(direction).expect("two");
                let process = Process::new(step as u64, usize::MAX);
                let site = world.nexus_as(&process).await;
                let keeper: Arc<Memory> = world.keepers[lost].clone();
                process.surprised_in(step, move || keeper.restart());
                in_time(carry_out(&site, wish)).await;
                rehydrate::round(&site).await.expect("a round");
                assert_settled(&world, &ring(&site), wish);
            }
        }
    }
}

/// It keeps its memory, and nobody reaches it until the Nexus has died.
#[tokio::test]
async fn a_keeper_that_is_away_holds_up_the_commit_and_never_the_old_epoch() {
    for direction in 0..2 {
        for step in 0..steps(direction).await {
            let (world, wish) = worlds().await.into_iter().nth(direction).expect("there are two");
            let away = step % 3;
            let process = Process::new(step as u64, usize::MAX);
            let site = world.nexus_as(&process).await;
            let keeper: Arc<Memory> = world.keepers[away].clone();
            process.surprised_in(step, move || keeper.down.store(true, Ordering::Relaxed));
            process.dies_in(step + 40);
            process.run(carry_out(&site, wish)).await;
            world.down(away, false);
            assert_whole(&world, &[]);
            assert_it_goes_on(&world, wish).await;
        }
    }
}

/// The worst of both: the Nexus dies just when a Keeper has lost its memory.
#[tokio::test]
async fn a_keeper_and_the_nexus_lost_at_once_are_one_loss_of_a_threshold() {
    for direction in 0..2 {
        for step in 0..steps(direction).await {
            let (world, wish) = worlds().await.into_iter().nth(direction).expect("there are two");
            let lost = step % 3;
            let process = Process::new(step as u64, usize::MAX);
            let site = world.nexus_as(&process).await;
            let keeper: Arc<Memory> = world.keepers[lost].clone();
            process.surprised_in(step, move || keeper.restart());
            process.dies_in(step);
            assert!(process.run(carry_out(&site, wish)).await.is_none());
            assert_whole(&world, &[lost]);
            assert_it_goes_on(&world, wish).await;
        }
    }
}

#[tokio::test]
async fn an_answer_of_the_store_that_is_lost_at_any_step_is_asked_for_again() {
    for answers in [1, 20] {
        for step in 0..steps(0).await {
            let (world, wish) = worlds().await.into_iter().next().expect("there are two");
            let process = Process::new(step as u64, usize::MAX);
            let site = world.nexus_as(&process).await;
            let shared = world.shared.clone();
            process
                .surprised_in(step, move || shared.lose_answers.store(answers, Ordering::Relaxed));
            in_time(carry_out(&site, wish)).await;
            assert_settled(&world, &ring(&site), wish);
            assert_eq!(world.shared.rings().len(), 4, "bootstrap, claim, commit, settle");
        }
    }
}

#[tokio::test]
async fn a_target_that_changes_at_any_step_is_left_or_followed_but_never_mixed() {
    for step in 0..steps(0).await {
        let (world, first) = worlds().await.into_iter().next().expect("there are two");
        let process = Process::new(step as u64, usize::MAX);
        let site = world.nexus_as(&process).await;
        process.dies_in(step);
        process.run(carry_out(&site, first)).await;
        for next in [wish(7, 4, 3), wish(8, 3, 2)] {
            let late = world.nexus().await;
            // What was committed settles first.
            let settling = async {
                while ring(&late).reshare_from().is_some() {
                    rehydrate::round(&late).await.expect("a round");
                }
            };
            in_time(settling).await;
            ask(&late, next).await.expect("nothing is in its way");
            in_time(carry_out(&late, next)).await;
            assert_settled(&world, &ring(&late), next);
        }
    }
}

/// A backup of every state on the way is refused in every later one, by whoever starts and by whoever
/// runs.
#[tokio::test]
async fn a_store_that_goes_back_during_a_re_share_is_refused() {
    // As many as there are states: not asked, claimed, committed.
    for taken in 0..3 {
        for later in 1..3 - taken {
            let mut world = five_keepers().await;
            let site = world.nexus().await;
            go_on(&site, taken).await;
            let backup = Backup::of(&world).await;
            for state in taken + 1..=taken + later {
                go_on_from(&site, state).await;
            }
            rehydrate::tend(&site).await.expect("the Keepers are told");
            let before: Vec<_> = world.keepers.iter().map(|keeper| keeper.status()).collect();
            backup.restore(&mut world).await;

            let robbed = Site { store: world.healthy().store, ..site };
            let refused = rehydrate::round(&robbed).await.expect_err("older");
            assert_eq!(refused.code, "store_rolled_back");
            let late = world.healthy();
            let opening = timeout(Duration::from_millis(200), start::until_open(&late));
            assert!(opening.await.is_err(), "it opened state {taken}");
            assert_eq!(late.keys.sealed_reason().expect("sealed").code, "store_rolled_back");
            let after: Vec<_> = world.keepers.iter().map(|keeper| keeper.status()).collect();
            assert_eq!(after, before, "nothing was moved");
        }
    }
}

async fn go_on(site: &Site, state: usize) {
    for state in 1..=state {
        go_on_from(site, state).await;
    }
}

/// 1: claims. 2: puts and commits.
async fn go_on_from(site: &Site, state: usize) {
    if state == 1 {
        ask(site, wish(2, 5, 3)).await.expect("claimed");
    } else {
        let tended = rehydrate::tend(site).await.expect("put");
        assert!(advance(site, &tended).await.expect("committed"));
    }
}

/// How a Nexus fares: which order it takes, at which step it dies, and at which one it sees a Keeper
/// lose its memory.
#[derive(Clone, Copy, Debug)]
struct Fate {
    seed: u64,
    dies: usize,
    loses: Option<usize>,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let dies = prop_oneof![Just(usize::MAX), 0usize..120];
    let fate = (any::<u64>(), dies, prop::option::of(0usize..120));
    proptest::collection::vec(fate.prop_map(|(seed, dies, loses)| Fate { seed, dies, loses }), 3)
}

/// At most one Keeper is lost in it, however often.
async fn race(world: &World, fates: &[Fate], lost: usize, wish: Wish) {
    let mut racing = Vec::new();
    for fate in fates {
        let process = Process::new(fate.seed, usize::MAX);
        racing.push((world.nexus_as(&process).await, process, *fate));
    }
    let races = racing.iter().map(async |(site, process, fate)| {
        process.dies_in(fate.dies);
        if let Some(step) = fate.loses {
            let keeper: Arc<Memory> = world.keepers[lost].clone();
            process.surprised_in(step, move || keeper.restart());
        }
        process.run(carry_out(site, wish)).await
    });
    in_time(async { drop(join_all(races).await) }).await;
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(test);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn of_three_nexus_that_race_and_die_the_rest_brings_it_to_its_end(
        fates in fates(),
        lost in 0usize..5,
        direction in 0usize..2,
    ) {
        run(async {
            let (world, wish) = worlds().await.into_iter().nth(direction).expect("there are two");
            race(&world, &fates, lost, wish).await;
            assert_whole(&world, &[lost]);
            assert_it_goes_on(&world, wish).await;
        });
    }
}
