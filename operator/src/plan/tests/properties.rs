//! I1 to I5, whatever happens in whatever order; and that everything ends well.

use proptest::prelude::*;

use super::{
    super::*,
    world::{Event, World},
    *,
};

/// Enough ticks for every change of a case to come to its end.
const PATIENCE: usize = 400;

/// What breaks, or is well again.
fn failure() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (0..5u8).prop_map(Event::LoseKeeper),
        1 => (0..5u8).prop_map(Event::LoseNode),
        2 => (0..3u8).prop_map(Event::LoseNexus),
        1 => any::<bool>().prop_map(Event::Store),
        1 => any::<bool>().prop_map(Event::Partition),
        1 => any::<bool>().prop_map(Event::Refuse),
        1 => any::<bool>().prop_map(Event::Turn),
        1 => Just(Event::Edit),
        1 => (0..7u8).prop_map(Event::Scale),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => Just(Event::Tick),
        10 => failure(),
        2 => (0..6u8).prop_map(Event::Keepers),
        2 => (0..4u8).prop_map(Event::Nexus),
        1 => (0..4u8).prop_map(Event::Image),
        2 => (3..6u8).prop_map(Event::Shares),
    ]
}

/// Whether the operator acts.
#[derive(Clone, Copy, Debug)]
enum Acts {
    Not,
    AtOnce,
    /// Something fails between its look and what it does.
    After(Event),
}

fn turn() -> impl Strategy<Value = (Event, Acts)> {
    let acts = prop_oneof![
        2 => Just(Acts::Not),
        1 => Just(Acts::AtOnce),
        1 => failure().prop_map(Acts::After),
    ];
    (event(), acts)
}

fn live(world: &mut World, turns: Vec<(Event, Acts)>) {
    for (event, acts) in turns {
        world.happen(event);
        match acts {
            Acts::Not => {}
            Acts::AtOnce => {
                reconcile(world);
            }
            Acts::After(event) => {
                let step = decide(world);
                world.happen(event);
                world.apply(&step);
            }
        }
    }
    for well in
        [Event::Store(true), Event::Partition(false), Event::Refuse(false), Event::Turn(false)]
    {
        world.happen(well);
    }
    world.wish.nexus_template = digest("nexus 100");
    world.wish.keeper_template = digest("keeper 100");
}

/// What a step may not do in the world as it really is.
fn check(world: &World, seen: &Observed, step: &Step) {
    match step {
        Step::EvictKeeper { pod, .. } => disrupted(world, seen, pod),
        Step::Bootstrap { .. } => {
            assert!(world.ring.is_none() && !world.seen, "I4: a root key is made once");
        }
        Step::ApplyKeepers { template: Hold::Wished, .. } if rolls_on(seen) => {
            let nexus = seen.nexus.as_ref().expect("there");
            assert!(!nexus.rolling && nexus.template == world.wish.nexus_template, "Nexus first");
        }
        Step::ApplyKeepers { replicas, .. } => {
            let Some(ring) = &world.ring else { return };
            let needed = ring.previous.into_iter().chain(ring.pending).fold(ring.shares, u8::max);
            let present = seen.keepers.as_ref().map_or(0, |set| set.replicas);
            assert!(*replicas >= needed.min(present), "I5: a Keeper of the ring is taken away");
        }
        Step::ApplyNexus { .. } if !world.migrated => {
            panic!("Nexus before its schema");
        }
        Step::ApplyNexus { peers } => {
            let Some(ring) = &world.ring else { return };
            assert!(*peers >= ring.shares, "I5: a Keeper of the ring is not known");
        }
        Step::Contract => finishes(world),
        Step::Reshare => {
            let ring = world.ring.expect("there");
            assert!(ring.previous.is_none(), "an unsettled set is replaced");
            assert_eq!(world.holding(), usize::from(ring.shares), "I3");
        }
        _ => {}
    }
}

/// All is well but the Keepers' template.
fn rolls_on(seen: &Observed) -> bool {
    let shares = seen.open().map(|ring| usize::from(ring.shares));
    let all = seen.keeper_pods.iter().all(|pod| pod.hydrated);
    seen.keepers.is_some() && all && shares == Some(seen.keeper_pods.len())
}

/// An upgrade ends when nothing of the version before is left.
fn finishes(world: &World) {
    assert!(world.migrated, "removed before it was added");
    assert!(world.is_everywhere(), "an earlier Nexus runs");
    let wished = &world.wish.keeper_template;
    assert!(
        world.pods.iter().flatten().all(|pod| pod.template == *wished),
        "an earlier Keeper runs"
    );
}

/// A Keeper's pod goes on purpose.
fn disrupted(world: &World, seen: &Observed, name: &str) {
    let Some(ring) = world.ring else { return };
    let ordinal: usize = name.trim_start_matches("keeper-").parse().expect("a place");
    let pod = world.pods.get(ordinal).and_then(Option::as_ref).expect("it is there");
    if ordinal >= usize::from(ring.shares) || !pod.holds {
        return;
    }
    let others = world.holding() - 1;
    if ring.shares > ring.threshold {
        assert!(others >= usize::from(ring.threshold), "I1: {others} others of {ring:?}");
        assert!(world.keyed() >= 1, "I1: no Nexus has the key");
    } else {
        assert_eq!(others + 1, usize::from(ring.threshold), "I1: every other holds its shard");
        let nodes: std::collections::BTreeSet<_> =
            world.servers.iter().filter(|server| server.keyed).map(|server| server.node).collect();
        assert!(nodes.len() >= 2, "I1: the key is on one node");
    }
    let whole = world.holding() == usize::from(ring.shares);
    assert!(whole, "I3: another disruption is in flight");
    assert!(!seen.nexus.as_ref().is_some_and(|nexus| nexus.rolling), "I2: Nexus is rolling");
}

/// What a look leads to.
fn decide(world: &mut World) -> Step {
    let seen = world.look();
    let step = plan(&world.wish.clone(), &seen);
    check(world, &seen, &step);
    step
}

/// One reconcile.
fn reconcile(world: &mut World) -> Step {
    let step = decide(world);
    world.apply(&step);
    step
}

/// Runs until nothing is left to do, or somebody must help.
fn settle(world: &mut World) -> Step {
    let mut last = Step::Idle;
    for _ in 0..PATIENCE {
        last = reconcile(world);
        match last {
            Step::Idle => {
                world.happen(Event::Tick);
                if reconcile(world) == Step::Idle {
                    return Step::Idle;
                }
            }
            Step::Stall(_) => return last,
            // A re-share takes its time, and may be refused.
            Step::Wait(_) | Step::Reshare => world.happen(Event::Tick),
            _ => {}
        }
    }
    last
}

fn settled_world(threshold: u8) -> World {
    let mut world = World::new(Wish { threshold, ..wish() });
    assert_eq!(settle(&mut world), Step::Idle, "{world:?}");
    assert_eq!((world.holding(), world.keyed()), (3, 2));
    world
}

/// Nobody has the key, and too few Keepers have shards: nothing that is promised can help.
fn is_lost(world: &World) -> bool {
    world
        .ring
        .is_some_and(|ring| world.keyed() == 0 && world.holding() < usize::from(ring.threshold))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_step_is_ever_unsafe_and_everything_ends_well(
        turns in proptest::collection::vec(turn(), 0..60),
        threshold in 2..4u8,
    ) {
        let mut world = settled_world(threshold);
        live(&mut world, turns);
        let wished = world.wish.keeper_template.clone();
        let end = settle(&mut world);
        if is_lost(&world) {
            prop_assert_eq!(end, Step::Stall(Stall::RecoveryRequired));
            return Ok(());
        }
        prop_assert_eq!(end, Step::Idle, "{:?}", world);
        prop_assert_eq!(world.holding(), usize::from(world.wish.shares));
        let all_new = world.pods.iter().flatten().all(|pod| pod.template == wished);
        prop_assert!(all_new, "{:?}", world.pods);
        prop_assert_eq!(world.pods.len(), usize::from(world.wish.shares));
        prop_assert!(world.is_everywhere() && !world.is_edited(), "{:?}", world);
    }

    #[test]
    fn a_fresh_cluster_is_made_whatever_fails_meanwhile(
        turns in proptest::collection::vec(turn(), 0..40),
    ) {
        let mut world = World::new(wish());
        live(&mut world, turns);
        world.job = JobLook::None;
        let end = settle(&mut world);
        if is_lost(&world) {
            prop_assert_eq!(end, Step::Stall(Stall::RecoveryRequired));
            return Ok(());
        }
        prop_assert_eq!(end, Step::Idle, "{:?}", world);
    }
}
