//! One bootstrap at a time, with everything that can be in its way.

use std::sync::{Arc, atomic::Ordering};

use rand::{SeedableRng, rngs::StdRng};
use spike_core::{ClusterId, Revision, wire::v2::shard::SetRole};
use spike_store::{Document, DocumentPut, Documents, Kind};

use super::{
    super::{
        bootstrap::{self, Outcome},
        site::Site,
    },
    fakes::{Memory, Process, Shared},
    world::{FOREVER, World},
};

fn roles(world: &World) -> Vec<Vec<SetRole>> {
    let sets = |memory: &Arc<Memory>| memory.status().sets.iter().map(|set| set.role).collect();
    world.keepers.iter().map(sets).collect()
}

#[tokio::test]
async fn a_bootstrap_makes_one_root_and_every_keeper_commits_its_shard() {
    let world = World::bootstrapped(3, 2).await;
    assert_eq!(roles(&world), vec![vec![SetRole::Current]; 3]);
    world.assert_one_root().await;
}

#[tokio::test]
async fn a_bootstrap_of_a_bootstrapped_cluster_changes_nothing() {
    let world = World::bootstrapped(3, 2).await;
    let before = world.ring_revision().await;
    assert_eq!(world.bootstrap(2).await, Ok(Outcome::Present));
    assert_eq!(world.ring_revision().await, before);
    world.assert_one_root().await;
}

#[tokio::test]
async fn a_bootstrap_of_a_cluster_that_lost_its_key_makes_none_and_says_what_helps() {
    let world = World::bootstrapped(3, 2).await;
    world.keepers[0].restart();
    assert_eq!(world.bootstrap(2).await, Ok(Outcome::Present), "two of three are enough");
    world.keepers[1].restart();
    let before = world.ring_revision().await;
    let Ok(Outcome::AtRisk(reason)) = world.bootstrap(3).await else { panic!("not at risk") };
    assert_eq!((reason.code, world.ring_revision().await), ("quorum_at_risk", before));
    assert!(reason.message.contains("only 1 of 2 needed Keepers"), "{}", reason.message);
    assert!(reason.message.contains("no recovery shards were ever taken"), "{}", reason.message);
}

/// Kills the bootstrap before each of its effects in turn, then runs another.
#[tokio::test]
async fn a_bootstrap_killed_at_any_step_can_be_run_again() {
    let mut steps = 0;
    loop {
        let world = World::new(3, 2);
        let process = Process::new(7, steps);
        let site = world.site(&process);
        let mut random = StdRng::seed_from_u64(1);
        let ended = process.run(bootstrap::run(&site, &mut random)).await;
        let again = world.bootstrap(2).await;
        assert!(again.is_ok(), "killed at step {steps}: {again:?}");
        world.assert_one_root().await;
        if ended.is_some() {
            break;
        }
        steps += 1;
    }
    assert!(steps > 20, "only {steps} steps were seen");
}

#[tokio::test]
async fn a_keeper_that_is_missing_is_named_and_nothing_is_claimed() {
    let world = World::new(3, 2);
    world.down(2, true);
    let refused = world.bootstrap(1).await.expect_err("a Keeper is missing");
    assert_eq!(refused.code, "keepers_missing");
    assert!(refused.message.contains("Keeper 3 (https://keeper-3:8443"), "{}", refused.message);
    assert_eq!(world.ring_revision().await, 0);
    world.down(2, false);
    assert_eq!(world.bootstrap(2).await, Ok(Outcome::Made));
}

#[tokio::test]
async fn fewer_keepers_than_shares_are_refused_before_anything_is_claimed() {
    let mut world = World::new(3, 2);
    world.keepers.truncate(2);
    let refused = world.bootstrap(1).await.expect_err("two of three");
    assert_eq!((refused.code, world.ring_revision().await), ("keepers_missing", 0));
}

/// The store was replaced by an empty one: its old root lives on in the Keepers.
#[tokio::test]
async fn keepers_with_a_committed_set_and_no_ring_are_never_keyed_again() {
    let mut world = World::bootstrapped(3, 2).await;
    let before: Vec<_> = world.keepers.iter().map(|memory| memory.status()).collect();
    world.shared = Arc::new(Shared::default());
    let refused = world.bootstrap(2).await.expect_err("the store lost its ring");
    assert_eq!(refused.code, "store_lost_ring");
    assert_eq!(world.ring_revision().await, 0, "not even claimed");
    let after: Vec<_> = world.keepers.iter().map(|memory| memory.status()).collect();
    assert_eq!(after, before);
}

/// Even one Keeper of many is enough to know.
#[tokio::test]
async fn one_keeper_that_remembers_is_enough_to_refuse() {
    let mut world = World::bootstrapped(3, 2).await;
    world.keepers[0].restart();
    world.keepers[1].restart();
    world.shared = Arc::new(Shared::default());
    let refused = world.bootstrap(2).await.expect_err("the store lost its ring");
    assert_eq!(refused.code, "store_lost_ring");
}

/// The store and every Keeper lost all, as when a cluster's only node goes: somebody outside knows still.
#[tokio::test]
async fn a_cluster_that_is_known_from_outside_is_never_keyed_again() {
    let world = World::new(3, 2);
    let known = Site { expected_cluster: Some(ClusterId([9; 16])), ..world.healthy() };
    let refused = bootstrap::run(&known, &mut StdRng::seed_from_u64(1)).await;
    let refused = refused.expect_err("an empty store is not this cluster's");
    assert_eq!((refused.code, world.ring_revision().await), ("store_lost_ring", 0));
    assert!(refused.message.contains("SPIKE_EXPECTED_CLUSTER_ID"), "{}", refused.message);
    assert_eq!(world.bootstrap(2).await, Ok(Outcome::Made), "and whoever is new is keyed");
}

/// Someone edited the active ring into a claim, to have the cluster keyed again.
#[tokio::test]
async fn a_ring_edited_back_into_a_claim_is_not_claimed_again() {
    let world = World::bootstrapped(3, 2).await;
    let rings = world.shared.rings();
    let ring = rings.first().expect("one");
    let claim = spike_seal::Claim {
        revision: Revision(9),
        instance: None,
        cluster: ring.cluster(),
        attempt: 1,
        generation: 1,
        quorum: world.quorum,
    };
    let put = DocumentPut {
        kind: Kind::Ring,
        expect: Some(ring.revision()),
        document: Document {
            name: "ring".to_owned(),
            revision: Revision(9),
            tag: [1; 16],
            bytes: spike_seal::RingDocument::Claimed(claim).encode().into(),
        },
    };
    world
        .shared
        .store
        .change(&world.call(), vec![put], Vec::new())
        .await
        .expect("it is only bytes");
    assert_eq!(world.bootstrap(2).await.map_err(|why| why.code), Err("store_lost_ring"));

    for keeper in &world.keepers {
        keeper.restart();
    }
    // All Keepers forgot: the policies that only an activation writes still tell.
    assert_eq!(world.bootstrap(3).await.map_err(|why| why.code), Err("store_lost_ring"));
}

#[tokio::test]
async fn a_store_that_fails_is_never_taken_for_an_empty_one() {
    let world = World::new(3, 2);
    world.shared.down.store(true, Ordering::Relaxed);
    assert_eq!(world.bootstrap(1).await.map_err(|why| why.code), Err("store_unavailable"));
    assert_eq!(roles(&world), vec![Vec::new(); 3], "no shard left this process");
}

#[tokio::test]
async fn a_write_whose_answer_got_lost_is_not_made_twice() {
    for lost in 1..=6 {
        let world = World::new(3, 2);
        world.shared.lose_answers.store(lost, Ordering::Relaxed);
        let made = world.bootstrap(1).await;
        assert!(made.is_ok() || lost > 5, "{made:?}");
        assert!(world.bootstrap(2).await.is_ok());
        world.assert_one_root().await;
    }
}

/// A pending set of a cluster that never was: it holds nothing committed, and its Keeper is named.
#[tokio::test]
async fn a_foreign_pending_set_stops_the_bootstrap_with_the_remedy() {
    let (world, other) = (World::new(3, 2), World::new(3, 2));
    let process = Process::new(1, FOREVER);
    assert_eq!(other.bootstrap(5).await, Ok(Outcome::Made));
    let mut mixed = World::new(3, 2);
    mixed.keepers =
        vec![world.keepers[0].clone(), world.keepers[1].clone(), other.keepers[2].clone()];
    mixed.keepers[2].forge(|role, _| *role = SetRole::Pending);
    let site = mixed.site(&process);
    let refused = bootstrap::run(&site, &mut StdRng::seed_from_u64(1)).await.expect_err("refused");
    assert_eq!(refused.code, "shard_refused");
    assert!(refused.message.contains("Keeper 3") && refused.message.contains("restart it"));

    mixed.keepers[2].restart();
    assert_eq!(mixed.bootstrap(2).await, Ok(Outcome::Made), "the claim is taken over");
}

/// A Keeper that restarts after it took its shard: the activation must not rest on its word.
#[tokio::test]
async fn a_keeper_that_lost_its_shard_stops_the_bootstrap_before_the_activation() {
    let world = World::new(3, 2);
    world.keepers[1].forgetful.store(true, Ordering::Relaxed);
    let refused = world.bootstrap(1).await.expect_err("a shard is missing");
    assert_eq!(refused.code, "shard_missing");
    assert!(refused.message.contains("Keeper 2"), "{}", refused.message);
    assert!(world.shared.rings().is_empty(), "no root came into force");

    world.keepers[1].forgetful.store(false, Ordering::Relaxed);
    assert_eq!(world.bootstrap(2).await, Ok(Outcome::Made));
    world.assert_one_root().await;
}

/// Kills the bootstrap at each step; a Keeper restarts before the next one runs.
#[tokio::test]
async fn a_keeper_that_restarts_after_a_crash_takes_nothing_away() {
    for steps in 0..60 {
        let world = World::new(3, 2);
        let process = Process::new(3, steps);
        let site = world.site(&process);
        let mut random = StdRng::seed_from_u64(1);
        process.run(bootstrap::run(&site, &mut random)).await;
        world.keepers[1].restart();
        let again = world.bootstrap(2).await;
        assert!(again.is_ok(), "killed at step {steps}: {again:?}");
        world.assert_one_root().await;
    }
}
