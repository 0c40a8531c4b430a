//! Promise P5 under every interleaving that can be drawn: one root, whatever runs, dies or restarts.

use std::time::Duration;

use futures::future::join_all;
use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

use super::{
    super::{bootstrap, site::Pace},
    fakes::Process,
    world::{FOREVER, HASTE, World},
};

/// How a bootstrap fares: which order it takes and at which step it dies, if it does.
fn fates() -> impl Strategy<Value = Vec<(u64, usize)>> {
    let dies = prop_oneof![Just(FOREVER), 0usize..60];
    proptest::collection::vec((any::<u64>(), dies), 1..6)
}

/// What the processes did, for the message of a failure.
async fn race(world: &World, fates: &[(u64, usize)]) -> Vec<String> {
    let races = fates.iter().map(async |&(seed, dies_at)| {
        let process = Process::new(seed, dies_at);
        let site = world.site(&process);
        let mut random = StdRng::seed_from_u64(seed);
        format!("{:?}", process.run(bootstrap::run(&site, &mut random)).await)
    });
    join_all(races).await
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
        .block_on(test);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn of_any_bootstraps_that_race_and_die_one_root_comes_out(fates in fates()) {
        run(async {
            let world = World::new(3, 2);
            let outcomes = race(&world, &fates).await;
            let last = world.bootstrap(0).await;
            assert!(last.is_ok(), "{last:?} after {outcomes:?}");
            world.assert_one_root().await;
        });
    }

    #[test]
    fn a_second_wave_never_keys_again(first in fates(), second in fates(), lost in 0usize..3) {
        run(async {
            let world = World::new(3, 2);
            race(&world, &first).await;
            // One Keeper loses its memory in between: with 2 of 3 that takes no quorum away.
            world.keepers[lost].restart();
            race(&world, &second).await;
            let last = world.bootstrap(0).await;
            assert!(last.is_ok(), "{last:?}");
            world.assert_one_root().await;
        });
    }

    #[test]
    fn bootstraps_that_all_live_all_end_well(seeds in proptest::collection::vec(any::<u64>(), 1..6)) {
        run(async {
            let pace = Pace { overtaken: Duration::from_secs(10), ..HASTE };
            let world = World { pace, ..World::new(3, 2) };
            let fates: Vec<_> = seeds.into_iter().map(|seed| (seed, FOREVER)).collect();
            for outcome in race(&world, &fates).await {
                assert!(outcome.starts_with("Some(Ok("), "{outcome}");
            }
            world.assert_one_root().await;
        });
    }
}
