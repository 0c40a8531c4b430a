//! One test for each answer of each question.

use std::collections::BTreeSet;

use super::{super::*, *};

const FAILED: JobLook = JobLook::Failed { last: 1, tries: 1 };

fn changed(change: impl FnOnce(&mut Observed)) -> Observed {
    let mut seen = healthy();
    change(&mut seen);
    seen
}

fn ring(change: impl FnOnce(&mut Ring)) -> Observed {
    changed(|seen| {
        let RingLook::Open(ring) = &mut seen.ring else { unreachable!("it is open") };
        change(ring);
    })
}

fn evicted(step: Step) -> Option<String> {
    match step {
        Step::EvictKeeper { pod, .. } => Some(pod),
        _ => None,
    }
}

#[test]
fn where_all_is_well_nothing_is_written() {
    assert_eq!(plan(&wish(), &healthy()), Step::Idle);
}

// 1: the end.

#[test]
fn a_retained_cluster_is_marked_and_then_let_go() {
    let end = |marked| changed(|seen| seen.end = Some(End::Retain { marked }));
    assert_eq!(plan(&wish(), &end(false)), Step::Retain);
    assert_eq!(plan(&wish(), &end(true)), Step::Release);
}

#[test]
fn everything_goes_in_order_and_only_when_confirmed() {
    let end = |confirmed, remaining: &[Stage]| {
        let remaining = remaining.iter().copied().collect();
        changed(|seen| seen.end = Some(End::Delete { confirmed, remaining }))
    };
    let all = [Stage::ClusterScoped, Stage::Keepers, Stage::Nexus, Stage::Jobs, Stage::Rest];
    assert_eq!(plan(&wish(), &end(false, &all)), Step::Wait(Wait::Confirmation));
    let mut remaining: BTreeSet<_> = all.into();
    let mut order = Vec::new();
    while let Step::Delete(stage) =
        plan(&wish(), &end(true, &remaining.iter().copied().collect::<Vec<_>>()))
    {
        order.push(stage);
        remaining.remove(&stage);
    }
    let expected = [Stage::Jobs, Stage::Nexus, Stage::Keepers, Stage::Rest, Stage::ClusterScoped];
    assert_eq!(order, expected);
    assert_eq!(plan(&wish(), &end(true, &[])), Step::Release);
}

#[test]
fn a_terminating_namespace_is_left_with_nothing_outside_it() {
    let end = |outside| changed(|seen| seen.end = Some(End::Namespace { outside }));
    let paused = Wish { paused: true, ..wish() };
    assert_eq!(plan(&paused, &end(true)), Step::Delete(Stage::ClusterScoped));
    assert_eq!(plan(&paused, &end(false)), Step::Release);
}

// 2 and 3: a pause, an obstacle.

#[test]
fn a_pause_stops_even_a_broken_cluster() {
    let paused = Wish { paused: true, ..wish() };
    assert_eq!(plan(&paused, &nothing()), Step::Paused);
}

#[test]
fn somebody_elses_object_stops_everything() {
    let foreign = Stall::ForeignObject("Service/spike-demo-nexus".to_owned());
    let seen = changed(|seen| seen.obstacle = Some(foreign.clone()));
    assert_eq!(plan(&wish(), &seen), Step::Stall(foreign));
}

// 4 to 9: from nothing to a root key.

#[test]
fn from_nothing_to_a_root_key() {
    let (wish, mut seen) = (wish(), nothing());
    assert_eq!(plan(&wish, &seen), Step::ApplyBase);
    seen.base = Base::default();
    assert_eq!(plan(&wish, &seen), Step::Wait(Wait::Identity("no bundle".to_owned())));
    seen.identity = IdentityLook::Ready;
    let keepers = Step::ApplyKeepers { replicas: 3, template: Hold::Wished };
    assert_eq!(plan(&wish, &seen), keepers);
    seen.keepers = Some(Keepers { good: None, ..healthy().keepers.expect("there") });
    assert_eq!(plan(&wish, &seen), Step::Migrate);
    seen.migration = JobLook::Running;
    assert_eq!(plan(&wish, &seen), Step::Wait(Wait::Migration));
    seen.migration = JobLook::Done;
    assert_eq!(plan(&wish, &seen), Step::ApplyNexus { peers: 3 });
    seen.nexus = healthy().nexus;
    seen.nexus_pods = vec![NexusPod { unsealed: false, ready: false, ..nexus("node-0") }];
    let waits = Step::Wait(Wait::Nexus("no Nexus runs".to_owned()));
    assert_eq!(plan(&wish, &seen), waits);
    seen.ring = RingLook::Absent;
    assert_eq!(plan(&wish, &seen), Step::Wait(Wait::Keepers));
    seen.keeper_pods =
        (0..3).map(|n| KeeperPod { hydrated: false, empty: true, ..keeper(n) }).collect();
    assert_eq!(plan(&wish, &seen), Step::Bootstrap { attempt: 1 });
    seen.bootstrap = JobLook::Running;
    assert_eq!(plan(&wish, &seen), Step::Wait(Wait::Bootstrap));
    seen.bootstrap = JobLook::Failed { last: 1, tries: 1 };
    assert_eq!(plan(&wish, &seen), Step::Bootstrap { attempt: 2 });
    seen.bootstrap = JobLook::Failed { last: 7, tries: 5 };
    assert_eq!(plan(&wish, &seen), Step::Stall(Stall::BootstrapFailed(5)));
    seen.bootstrap = JobLook::Done;
    assert_eq!(plan(&wish, &seen), Step::Wait(Wait::Bootstrap), "success is what Nexus sees");
}

#[test]
fn a_failed_migration_waits_for_someone_and_a_manual_one_for_nobody() {
    let failed = changed(|seen| seen.migration = FAILED);
    assert_eq!(plan(&wish(), &failed), Step::Stall(Stall::MigrationFailed));
    let manual = Wish { store: StoreWork::Jobs { migrate: false }, ..wish() };
    assert_eq!(plan(&manual, &failed), Step::Idle);
}

#[test]
fn a_root_key_is_never_made_where_a_ring_was_seen() {
    let seen = changed(|seen| seen.ring = RingLook::Absent);
    assert_eq!(plan(&wish(), &seen), Step::Stall(Stall::KeyRingMissing));
    let foreign = changed(|seen| seen.ring = RingLook::Foreign);
    assert_eq!(plan(&wish(), &foreign), Step::Stall(Stall::ForeignStore));
}

#[test]
fn nobody_bootstraps_who_was_told_never_to() {
    let seen = changed(|seen| (seen.ring, seen.ring_was_seen) = (RingLook::Absent, false));
    let never = Wish { bootstrap: BootstrapMode::Never, ..wish() };
    assert_eq!(plan(&never, &seen), Step::Wait(Wait::Bootstrapper));
}

#[test]
fn on_its_own_volume_the_one_nexus_bootstraps_itself() {
    let seen = changed(|seen| {
        (seen.ring, seen.ring_was_seen) = (RingLook::Absent, false);
        seen.migration = JobLook::None;
    });
    let sqlite = Wish { store: StoreWork::Nexus, ..wish() };
    assert_eq!(plan(&sqlite, &seen), Step::Wait(Wait::Bootstrap));
}

#[test]
fn a_store_in_memory_has_neither_keepers_nor_jobs() {
    let memory = Wish { store: StoreWork::Nothing, replicas: Some(1), ..wish() };
    let mut seen = nothing();
    (seen.base, seen.identity) = (Base::default(), IdentityLook::Ready);
    assert_eq!(plan(&memory, &seen), Step::ApplyNexus { peers: 0 });
    let nexus = healthy().nexus.expect("there");
    seen.nexus = Some(Nexus { peers: 0, replicas: 1, ..nexus });
    seen.nexus_pods = vec![nexus_pod()];
    seen.ring = healthy().ring;
    seen.store = Reach::Reachable;
    assert_eq!(plan(&memory, &seen), Step::Idle);
}

fn nexus_pod() -> NexusPod {
    nexus("node-0")
}

// 5 and 6: Keepers.

#[test]
fn a_hand_on_the_stateful_set_is_put_right() {
    for replicas in [2, 5] {
        let seen = changed(|seen| seen.keepers.as_mut().expect("there").replicas = replicas);
        let right = Step::ApplyKeepers { replicas: 3, template: Hold::Present };
        assert_eq!(plan(&wish(), &seen), right, "{replicas}");
    }
    let seen = changed(|seen| seen.keepers.as_mut().expect("there").drifted = true);
    let right = Step::ApplyKeepers { replicas: 3, template: Hold::Present };
    assert_eq!(plan(&wish(), &seen), right);
}

#[test]
fn no_keeper_goes_while_nobody_can_say_what_the_ring_is() {
    for look in
        [RingLook::Unknown("x".to_owned()), RingLook::Sealed { short: true }, RingLook::Foreign]
    {
        let seen = changed(|seen| {
            seen.ring = look;
            seen.keepers.as_mut().expect("there").replicas = 5;
        });
        assert!(
            !matches!(plan(&wish(), &seen), Step::ApplyKeepers { replicas: ..5, .. }),
            "{:?}",
            plan(&wish(), &seen)
        );
    }
}

#[test]
fn a_keeper_on_a_node_that_is_gone_is_forgotten() {
    let seen = changed(|seen| {
        let pod = seen.keeper_pods.get_mut(1).expect("there");
        (pod.lost, pod.terminating, pod.hydrated) = (true, true, false);
    });
    let gone = Step::ForgetKeeper { pod: "keeper-1".to_owned(), uid: "uid-1".to_owned() };
    assert_eq!(plan(&wish(), &seen), gone);
}

#[test]
fn a_sealed_cluster_takes_a_new_template_at_once() {
    let wish = Wish { keeper_template: digest("keeper 2"), ..wish() };
    let seen = sealed();
    let step = Step::ApplyKeepers { replicas: 3, template: Hold::Wished };
    assert_eq!(plan(&wish, &seen), step);
}

// 8: Nexus.

#[test]
fn a_new_nexus_comes_only_when_it_will_find_the_key() {
    let new = Wish { nexus_template: digest("nexus 2"), ..wish() };
    assert_eq!(plan(&new, &healthy()), Step::ApplyNexus { peers: 3 });
    let rolling = |stuck| {
        changed(|seen| {
            let nexus = seen.nexus.as_mut().expect("there");
            (nexus.rolling, nexus.stuck) = (true, stuck);
        })
    };
    assert_eq!(plan(&new, &rolling(false)), Step::Wait(Wait::Rollout));
    assert_eq!(plan(&new, &rolling(true)), Step::ApplyNexus { peers: 3 }, "a way out");
    let down = changed(|seen| seen.store = Reach::Unreachable);
    assert_eq!(plan(&new, &down), Step::Wait(Wait::Store));
    let mut few = healthy();
    few.keeper_pods.iter_mut().skip(1).for_each(|pod| pod.hydrated = false);
    assert_eq!(plan(&new, &few), Step::Wait(Wait::Keepers));
}

#[test]
fn replicas_are_put_right_unless_an_autoscaler_decides() {
    let mut seen = changed(|seen| seen.nexus.as_mut().expect("there").replicas = 7);
    assert_eq!(plan(&wish(), &seen), Step::ApplyNexus { peers: 3 });
    seen.nexus.as_mut().expect("there").counts = false;
    assert_eq!(plan(&Wish { replicas: None, ..wish() }, &seen), Step::Idle);
}

// 10: sealed.

fn sealed() -> Observed {
    changed(|seen| {
        seen.ring = RingLook::Sealed { short: true };
        for pod in &mut seen.nexus_pods {
            (pod.unsealed, pod.ready) = (false, false);
        }
        for pod in &mut seen.keeper_pods {
            (pod.hydrated, pod.empty) = (false, true);
        }
    })
}

#[test]
fn what_is_too_few_is_the_rings_to_say_and_not_the_specs() {
    let wider = Wish { shares: 5, threshold: 3, generation: 2, ..wish() };
    let mut seen = sealed();
    seen.keepers.as_mut().expect("there").replicas = 5;
    seen.nexus.as_mut().expect("there").peers = 5;
    assert_eq!(plan(&wider, &seen), Step::Stall(Stall::RecoveryRequired), "Keeper 4 has none");
    seen.ring = RingLook::Sealed { short: false };
    for pod in seen.keeper_pods.iter_mut().take(2) {
        (pod.hydrated, pod.empty) = (true, false);
    }
    assert_eq!(plan(&wider, &seen), Step::Wait(Wait::Unseal), "two are enough for this ring");
}

#[test]
fn too_few_shards_in_keepers_that_all_run_need_people() {
    assert_eq!(plan(&wish(), &sealed()), Step::Stall(Stall::RecoveryRequired));
    let mut seen = sealed();
    seen.keeper_pods.pop();
    assert_eq!(plan(&wish(), &seen), Step::Wait(Wait::Keepers), "it may have a shard");
    let mut seen = sealed();
    seen.ring = RingLook::Sealed { short: false };
    seen.keeper_pods.iter_mut().take(2).for_each(|pod| pod.hydrated = true);
    assert_eq!(plan(&wish(), &seen), Step::Wait(Wait::Unseal));
}

#[test]
fn a_sealed_cluster_replaces_empty_keepers_of_an_old_template() {
    let mut seen = sealed();
    seen.keepers.as_mut().expect("there").template = digest("keeper 2");
    let wish = Wish { keeper_template: digest("keeper 2"), ..wish() };
    assert_eq!(evicted(plan(&wish, &seen)).as_deref(), Some("keeper-0"));
    seen.keeper_pods.iter_mut().for_each(|pod| pod.empty = false);
    assert_eq!(evicted(plan(&wish, &seen)), None, "what may hold a shard stays");
}

// 11: a disruption in flight.

#[test]
fn a_keeper_that_is_not_hydrated_is_waited_for() {
    let mut seen = healthy();
    seen.keeper_pods.pop();
    let keepers = vec!["Keeper 3".to_owned()];
    assert_eq!(plan(&wish(), &seen), Step::Wait(Wait::Hydration { keepers }));
    let new = Wish { keeper_template: digest("keeper 2"), ..wish() };
    assert!(matches!(plan(&new, &seen), Step::Wait(Wait::Hydration { .. })), "no rollout either");
}

/// A rollout whose first pod doesn't come up.
fn bad_rollout() -> Observed {
    changed(|seen| {
        seen.keepers.as_mut().expect("there").template = digest("keeper 2");
        let pod = seen.keeper_pods.get_mut(2).expect("there");
        (pod.template, pod.hydrated, pod.empty) = (digest("keeper 2"), false, true);
        (pod.running, pod.crashed) = (false, true);
    })
}

#[test]
fn a_bad_template_is_rolled_back_and_only_its_pod_replaced() {
    let new = Wish { keeper_template: digest("keeper 2"), ..wish() };
    let mut seen = bad_rollout();
    seen.keeper_pods.get_mut(2).expect("there").age = TIMEOUT / 2;
    assert!(matches!(plan(&new, &seen), Step::Wait(Wait::Hydration { .. })), "it may yet come");
    seen.keeper_pods.get_mut(2).expect("there").age = TIMEOUT;
    assert_eq!(plan(&new, &seen), Step::RollBackKeepers);
    let set = seen.keepers.as_mut().expect("there");
    (set.template, set.bad) = (digest("keeper 1"), Some(digest("keeper 2")));
    assert_eq!(evicted(plan(&new, &seen)).as_deref(), Some("keeper-2"));
    *seen.keeper_pods.get_mut(2).expect("there") = keeper(2);
    assert_eq!(plan(&new, &seen), Step::Idle, "the bad template isn't tried again");
    let newer = Wish { keeper_template: digest("keeper 3"), ..wish() };
    let step = Step::ApplyKeepers { replicas: 3, template: Hold::Wished };
    assert_eq!(plan(&newer, &seen), step, "another one is");
}

#[test]
fn a_bad_template_that_nobody_asks_for_any_more_is_left_at_once() {
    let mended = Wish { keeper_template: digest("keeper 3"), ..wish() };
    let mut seen = bad_rollout();
    seen.keeper_pods.get_mut(2).expect("there").age = Duration::ZERO;
    assert_eq!(plan(&mended, &seen), Step::RollBackKeepers);
    let set = seen.keepers.as_mut().expect("there");
    (set.template, set.bad) = (digest("keeper 1"), Some(digest("keeper 2")));
    assert_eq!(evicted(plan(&mended, &seen)).as_deref(), Some("keeper-2"));
}

#[test]
fn a_pod_that_may_hold_a_shard_is_not_replaced_however_long_it_takes() {
    let new = Wish { keeper_template: digest("keeper 2"), ..wish() };
    let mut seen = bad_rollout();
    let pod = seen.keeper_pods.get_mut(2).expect("there");
    (pod.empty, pod.template) = (false, digest("keeper 1"));
    assert!(matches!(plan(&new, &seen), Step::Wait(Wait::Hydration { .. })));
}

// 12: re-share.

#[test]
fn growing_is_keepers_then_nexus_then_the_key() {
    let five = Wish { shares: 5, threshold: 3, generation: 2, ..wish() };
    let mut seen = healthy();
    let step = Step::ApplyKeepers { replicas: 5, template: Hold::Present };
    assert_eq!(plan(&five, &seen), step);
    seen.keepers.as_mut().expect("there").replicas = 5;
    assert_eq!(plan(&five, &seen), Step::ApplyNexus { peers: 5 });
    let nexus = seen.nexus.as_mut().expect("there");
    (nexus.peers, nexus.rolling) = (5, true);
    assert_eq!(plan(&five, &seen), Step::Wait(Wait::Rollout));
    seen.nexus.as_mut().expect("there").rolling = false;
    assert_eq!(plan(&five, &seen), Step::Wait(Wait::Keepers));
    let empty = |n| KeeperPod { hydrated: false, empty: true, ..keeper(n) };
    seen.keeper_pods.extend([empty(3), empty(4)]);
    assert_eq!(plan(&five, &seen), Step::Reshare);
}

#[test]
fn a_keeper_that_a_reshare_waits_for_goes_with_a_template_that_is_given_up() {
    let four = Wish { shares: 4, generation: 2, keeper_template: digest("mended"), ..wish() };
    let mut seen = healthy();
    let set = seen.keepers.as_mut().expect("there");
    (set.replicas, set.template) = (4, digest("mute"));
    seen.nexus.as_mut().expect("there").peers = 4;
    let age = TIMEOUT / 2;
    let template = digest("mute");
    seen.keeper_pods.push(KeeperPod { template, hydrated: false, empty: true, age, ..keeper(3) });
    assert_eq!(plan(&four, &seen), Step::Reshare);
    seen.keeper_pods[3].age = TIMEOUT;
    assert_eq!(plan(&four, &seen), Step::RollBackKeepers);
}

#[test]
fn whether_a_ring_that_was_never_seen_open_needs_people_only_nexus_says() {
    let five = Wish { shares: 5, threshold: 3, generation: 2, ..wish() };
    let mut seen = Observed { last_quorum: None, ..healthy() };
    seen.keepers.as_mut().expect("there").replicas = 5;
    seen.nexus.as_mut().expect("there").peers = 5;
    let empty = |n| KeeperPod { hydrated: false, empty: true, ..keeper(n) };
    seen.keeper_pods = vec![keeper(0), keeper(1), empty(2), empty(3), empty(4)];
    for nexus in &mut seen.nexus_pods {
        (nexus.unsealed, nexus.ready) = (false, false);
    }
    seen.ring = RingLook::Sealed { short: false };
    assert_eq!(plan(&five, &seen), Step::Wait(Wait::Unseal));
    seen.ring = RingLook::Sealed { short: true };
    assert_eq!(plan(&five, &seen), Step::Stall(Stall::RecoveryRequired));
}

#[test]
fn shrinking_is_the_key_then_nexus_then_keepers() {
    let wish = Wish { generation: 3, ..wish() };
    let mut seen = ring(|ring| (ring.shares, ring.threshold, ring.generation) = (5, 3, 2));
    seen.keepers.as_mut().expect("there").replicas = 5;
    seen.nexus.as_mut().expect("there").peers = 5;
    seen.keeper_pods.extend([keeper(3), keeper(4)]);
    assert_eq!(plan(&wish, &seen), Step::Reshare);
    let open = |previous| {
        RingLook::Open(Ring { shares: 3, threshold: 2, generation: 3, pending: None, previous })
    };
    seen.ring = open(Some(5));
    assert_eq!(plan(&wish, &seen), Step::Wait(Wait::Reshare));
    seen.ring = open(None);
    assert_eq!(plan(&wish, &seen), Step::ApplyNexus { peers: 3 }, "not the Keepers yet");
    let nexus = seen.nexus.as_mut().expect("there");
    (nexus.peers, nexus.rolling) = (3, true);
    assert_eq!(plan(&wish, &seen), Step::Wait(Wait::Rollout), "an old Nexus still knows five");
    seen.nexus.as_mut().expect("there").rolling = false;
    let step = Step::ApplyKeepers { replicas: 3, template: Hold::Present };
    assert_eq!(plan(&wish, &seen), step);
}

#[test]
fn another_target_replaces_one_that_is_not_committed() {
    let seen = ring(|ring| ring.pending = Some(3));
    let wish = Wish { generation: 2, ..wish() };
    assert_eq!(plan(&wish, &seen), Step::Reshare);
    let seen = ring(|ring| ring.previous = Some(3));
    assert_eq!(plan(&wish, &seen), Step::Wait(Wait::Reshare), "but never one that is unsettled");
}

// 13: the rollout of Keepers.

fn stale() -> (Wish, Observed) {
    let wish = Wish { keeper_template: digest("keeper 2"), ..wish() };
    let seen = changed(|seen| seen.keepers.as_mut().expect("there").template = digest("keeper 2"));
    (wish, seen)
}

#[test]
fn keepers_go_one_at_a_time_the_highest_first() {
    let (wish, mut seen) = stale();
    for n in [2_u8, 1, 0] {
        assert_eq!(evicted(plan(&wish, &seen)), Some(format!("keeper-{n}")));
        let pod = seen.keeper_pods.get_mut(usize::from(n)).expect("there");
        (pod.hydrated, pod.empty, pod.age) = (false, true, Duration::ZERO);
        pod.template = digest("keeper 2");
        assert!(matches!(plan(&wish, &seen), Step::Wait(Wait::Hydration { .. })));
        let pod = seen.keeper_pods.get_mut(usize::from(n)).expect("there");
        (pod.hydrated, pod.empty) = (true, false);
    }
    assert_eq!(plan(&wish, &seen), Step::RecordGood);
    seen.keepers.as_mut().expect("there").good = Some(digest("keeper 2"));
    assert_eq!(plan(&wish, &seen), Step::Idle);
}

#[test]
fn keepers_beyond_the_ring_go_first() {
    let (wish, mut seen) = stale();
    let four = Wish { shares: 4, generation: 1, ..wish };
    seen.keepers.as_mut().expect("there").replicas = 4;
    seen.nexus.as_mut().expect("there").peers = 4;
    seen.keeper_pods.push(KeeperPod { hydrated: false, empty: true, ..keeper(3) });
    // The ring is shared anew before anything is rolled, so only a ring that is right shows it.
    let same = Wish { shares: 3, ..four };
    seen.keepers.as_mut().expect("there").replicas = 3;
    seen.nexus.as_mut().expect("there").peers = 3;
    assert_eq!(evicted(plan(&same, &seen)).as_deref(), Some("keeper-3"));
}

#[test]
fn no_keeper_goes_without_a_nexus_that_has_the_key() {
    let (wish, mut seen) = stale();
    for pod in &mut seen.nexus_pods {
        pod.unsealed = false;
    }
    assert_eq!(plan(&wish, &seen), Step::Wait(Wait::Redundancy));
}

#[test]
fn where_every_shard_is_needed_two_nexus_on_two_nodes_have_the_key() {
    let (wish, mut seen) = stale();
    let wish = Wish { threshold: 3, ..wish };
    let RingLook::Open(ring) = &mut seen.ring else { unreachable!("it is open") };
    ring.threshold = 3;
    assert_eq!(evicted(plan(&wish, &seen)).as_deref(), Some("keeper-2"));
    seen.nexus_pods = vec![nexus("node-0"), nexus("node-0")];
    assert_eq!(plan(&wish, &seen), Step::Wait(Wait::Redundancy));
}

#[test]
fn a_rollout_waits_for_nexus_and_for_its_turn() {
    let wish = Wish { keeper_template: digest("keeper 2"), ..wish() };
    let rolling = changed(|seen| seen.nexus.as_mut().expect("there").rolling = true);
    assert_eq!(plan(&wish, &rolling), Step::Wait(Wait::Rollout));
    let later = changed(|seen| seen.turn = false);
    assert_eq!(plan(&wish, &later), Step::Wait(Wait::Turn));
    let (wish, mut seen) = stale();
    seen.turn = false;
    assert_eq!(plan(&wish, &seen), Step::Wait(Wait::Turn));
    seen.turn = true;
    seen.nexus.as_mut().expect("there").rolling = true;
    assert_eq!(plan(&wish, &seen), Step::Wait(Wait::Rollout));
}

#[test]
fn a_manual_rollout_is_left_to_people() {
    let (wish, seen) = stale();
    let wish = Wish { evicts: false, ..wish };
    assert_eq!(plan(&wish, &seen), Step::Idle);
}

#[test]
fn an_authority_that_can_do_nothing_makes_room_before_anybody_waits_for_it() {
    let (pod, uid) = ("authority-x".to_owned(), "u".to_owned());
    let seen = changed(|seen| {
        seen.base.orphans = vec![(pod.clone(), uid.clone())];
        seen.identity = IdentityLook::Waits("no roots".to_owned());
    });
    assert_eq!(plan(&wish(), &seen), Step::ReplaceAuthority { pod, uid });
}

// 7: versions; 14 and 15: what is left when all is as it should be.

#[test]
fn a_version_is_never_skipped() {
    let version = |text| crate::version::Version::read(text).expect("a version");
    let new =
        |text| Wish { nexus_template: digest("nexus 2"), version: Some(version(text)), ..wish() };
    let mut seen = changed(|seen| seen.version = Some(version("1.2.3")));
    let (running, wanted) = (version("1.2.3"), version("1.4.0"));
    let skipped = Step::Stall(Stall::VersionSkipped { running, wanted });
    assert_eq!(plan(&new("1.4.0"), &seen), skipped);
    assert_eq!(plan(&new("1.3.0"), &seen), Step::ApplyNexus { peers: 3 });
    let untold = Wish { version: None, ..new("1.4.0") };
    assert_eq!(plan(&untold, &seen), Step::ApplyNexus { peers: 3 }, "a digest tells nothing");
    seen.ring_was_seen = false;
    assert_ne!(plan(&new("1.4.0"), &seen), skipped, "nothing is there to be understood");
}

#[test]
fn what_earlier_versions_need_goes_when_none_of_them_is_left() {
    let mut seen = changed(|seen| seen.contraction = JobLook::None);
    assert_eq!(plan(&wish(), &seen), Step::Contract);
    seen.contraction = JobLook::Running;
    assert_eq!(plan(&wish(), &seen), Step::Wait(Wait::Contraction));
    seen.contraction = FAILED;
    assert_eq!(plan(&wish(), &seen), Step::Stall(Stall::ContractionFailed));
    seen.contraction = JobLook::None;
    let left = |change: fn(&mut Observed)| {
        let mut seen = seen.clone();
        change(&mut seen);
        plan(&Wish { evicts: false, ..wish() }, &seen)
    };
    assert_ne!(left(|seen| seen.one_version = false), Step::Contract, "an earlier Nexus runs");
    let earlier = |seen: &mut Observed| {
        seen.keeper_pods.first_mut().expect("there").template = digest("keeper 0");
    };
    assert_ne!(left(earlier), Step::Contract, "an earlier Keeper runs");
    let manual = Wish { store: StoreWork::Jobs { migrate: false }, ..wish() };
    assert_eq!(plan(&manual, &seen), Step::Idle, "it is somebody else's to do");
}

#[test]
fn custodians_find_their_shards() {
    let seen = changed(|seen| seen.escrow = EscrowLook::Missing);
    assert_eq!(plan(&wish(), &seen), Step::Escrow);
    let rolling = changed(|seen| {
        seen.escrow = EscrowLook::Missing;
        seen.nexus.as_mut().expect("there").rolling = true;
    });
    assert_eq!(plan(&wish(), &rolling), Step::Escrow, "they don't wait for a rollout");
}

#[test]
fn the_number_of_replicas_is_let_go_when_an_autoscaler_takes_over() {
    let scaled = Wish { replicas: None, ..wish() };
    let mut seen = changed(|seen| seen.nexus.as_mut().expect("there").replicas = 7);
    assert_eq!(plan(&scaled, &seen), Step::ApplyNexus { peers: 3 });
    seen.nexus.as_mut().expect("there").counts = false;
    assert_eq!(plan(&scaled, &seen), Step::Idle);
    assert_eq!(plan(&wish(), &seen), Step::ApplyNexus { peers: 3 }, "and is taken back");
}
