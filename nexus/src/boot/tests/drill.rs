//! Drills: what is said of each shard, and that nothing changes.

use spike_core::ShareIndex;
use spike_seal::{Shard, WhyRefused};

use super::{
    super::{BootError, Drilled, Wanted, drill},
    escrow::{Custodians, ask, escrowed, new_set},
    recovery::{copy, damaged, recover},
    world::World,
};

/// What is wrong with each shard, and whether they would restore.
fn said(drilled: &Drilled) -> (Vec<Option<WhyRefused>>, bool) {
    (drilled.verdicts.iter().map(|(_, verdict)| verdict.err()).collect(), drilled.restores)
}

#[tokio::test]
async fn each_shard_is_judged_and_nothing_changes() {
    let world = World::bootstrapped(3, 2).await;
    let site = world.nexus().await;
    let shards = recover(&world, &site, 1).await;
    let other = World::new(3, 2);
    other.bootstrap(77).await.expect("another cluster");
    let theirs = recover(&other, &other.nexus().await, 1).await;
    let revision = world.ring_revision().await;
    let diary = world.shared.diary();
    let index = |index| ShareIndex::new(index).expect("not 0");
    let (misplaced, foreign) = (
        Shard::received(index(2), shards[0].expose()),
        Shard::received(index(4), shards[0].expose()),
    );
    let (wrong, outside, twice) =
        (Some(WhyRefused::Digest), Some(WhyRefused::OutOfRange), Some(WhyRefused::Duplicate));
    for (given, verdicts, restores) in [
        (vec![&shards[0], &shards[1], &shards[2]], vec![None, None, None], true),
        (vec![&shards[2], &shards[0]], vec![None, None], true),
        (vec![&shards[1]], vec![None], false),
        (vec![&shards[0], &shards[0]], vec![None, twice], false),
        (vec![&shards[0], &damaged(&shards[1]), &shards[2]], vec![None, wrong, None], false),
        (vec![&shards[0], &theirs[1]], vec![None, wrong], false),
        (vec![&shards[0], &misplaced], vec![None, wrong], false),
        (vec![&foreign, &shards[0], &shards[1]], vec![outside, None, None], false),
        (vec![], vec![], false),
    ] {
        let given: Vec<Shard> = given.into_iter().map(copy).collect();
        let drilled = drill::drill(&site, &world.call(), &given).await.expect("a verdict");
        assert_eq!(said(&drilled), (verdicts, restores), "{given:?}");
        assert_eq!((drilled.set, drilled.quorum), (1, world.quorum));
    }
    assert_eq!((world.ring_revision().await, world.shared.diary()), (revision, diary));
}

#[tokio::test]
async fn a_drill_compares_with_the_set_that_another_replica_gave_out_last() {
    let custodians = Custodians::new(3);
    let world = escrowed(&custodians).await;
    let (site, other) = (world.nexus().await, world.nexus().await);
    let old = custodians.open(&ask(&world, &site, Wanted::default()).await.expect("given"));
    let new = custodians.open(&ask(&world, &other, new_set(&[])).await.expect("a new set"));
    let drilled = drill::drill(&site, &world.call(), &old).await.expect("a verdict");
    assert_eq!(said(&drilled), (vec![Some(WhyRefused::Digest); 3], false));
    assert_eq!(drilled.set, 2);
    assert!(drill::drill(&site, &world.call(), &new).await.expect("a verdict").restores);
}

#[tokio::test]
async fn there_is_no_drill_without_a_key_or_without_a_set() {
    let world = World::bootstrapped(3, 2).await;
    let site = world.nexus().await;
    let none = drill::drill(&site, &world.call(), &[]).await;
    assert!(matches!(none, Err(BootError::NoEscrow)), "{none:?}");
    let shards = recover(&world, &site, 1).await;
    let sealed = drill::drill(&world.healthy(), &world.call(), &shards).await;
    assert!(matches!(sealed, Err(BootError::NotReady(_))), "{sealed:?}");
}
