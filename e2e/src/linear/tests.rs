use super::*;

/// A request from `began` to `ended`, in seconds; 0 is never.
fn event(began: u64, ended: u64, act: Act) -> Event {
    let ended = (ended > 0).then(|| Duration::from_secs(ended));
    Event { began: Duration::from_secs(began), ended, act }
}

fn all(count: u32, deleted: &[u32]) -> Act {
    Act::All(Versions { count, deleted: deleted.iter().copied().collect() })
}

#[test]
fn requests_one_after_another_are_answered_by_what_was_before() {
    assert!(linearizable(vec![
        event(1, 2, Act::Get(None)),
        event(3, 4, Act::Put(1)),
        event(5, 6, Act::Put(2)),
        event(7, 8, Act::Delete(None, true)),
        event(9, 10, Act::Get(Some(1))),
        event(11, 12, Act::Undelete(None, false)),
        event(13, 14, Act::Undelete(Some(2), true)),
        event(15, 16, Act::Get(Some(2))),
        event(17, 18, all(2, &[])),
    ]));
}

#[test]
fn a_stale_read_is_found() {
    let put_twice = [event(1, 2, Act::Put(1)), event(3, 4, Act::Put(2))];
    let read = |act| {
        let mut events = put_twice.to_vec();
        events.push(event(5, 6, act));
        linearizable(events)
    };
    assert!(read(Act::Get(Some(2))));
    assert!(!read(Act::Get(Some(1))));
    assert!(!read(Act::Get(None)));
}

#[test]
fn a_lost_update_and_a_gap_are_found() {
    assert!(!linearizable(vec![event(1, 2, Act::Put(1)), event(3, 4, Act::Put(1))]));
    assert!(!linearizable(vec![event(1, 2, Act::Put(1)), event(3, 4, Act::Put(3))]));
    assert!(!linearizable(vec![event(1, 2, Act::Put(1)), event(3, 4, all(2, &[]))]));
}

#[test]
fn requests_at_the_same_time_may_happen_in_either_order() {
    for (first, second) in [(1, 2), (2, 1)] {
        let together = vec![event(1, 5, Act::Put(first)), event(2, 4, Act::Put(second))];
        assert!(linearizable(together));
    }
    // But all readers see the same order.
    assert!(!linearizable(vec![
        event(1, 9, Act::Put(1)),
        event(1, 9, Act::Put(2)),
        event(2, 3, Act::Get(Some(2))),
        event(4, 5, Act::Get(Some(1))),
    ]));
}

#[test]
fn what_was_never_answered_happened_later_or_never() {
    let unanswered = event(1, 0, Act::Put(1));
    assert!(linearizable(vec![unanswered.clone(), event(3, 4, Act::Get(None))]));
    assert!(linearizable(vec![unanswered.clone(), event(3, 4, Act::Get(Some(1)))]));
    assert!(linearizable(vec![
        unanswered.clone(),
        event(3, 4, Act::Get(None)),
        event(5, 6, Act::Get(Some(1))),
    ]));
    assert!(!linearizable(vec![
        unanswered,
        event(3, 4, Act::Get(Some(1))),
        event(5, 6, Act::Get(None)),
    ]));
    // Never before it was sent.
    assert!(!linearizable(vec![event(1, 2, Act::Get(Some(1))), event(3, 0, Act::Put(1))]));
}

#[test]
fn an_unanswered_delete_explains_a_missing_secret_once() {
    let deleted = |reads: &[Option<u32>]| {
        let mut events = vec![event(1, 2, Act::Put(1)), event(3, 0, Act::Delete(None, true))];
        for (at, read) in (5..).step_by(2).zip(reads) {
            events.push(event(at, at + 1, Act::Get(*read)));
        }
        linearizable(events)
    };
    assert!(deleted(&[Some(1), None]));
    assert!(!deleted(&[None, Some(1)]));
}

#[test]
fn a_path_that_never_was_can_neither_be_deleted_nor_undeleted() {
    assert!(linearizable(vec![
        event(1, 2, Act::Delete(None, false)),
        event(3, 4, Act::Undelete(Some(1), false)),
        event(5, 6, all(0, &[])),
    ]));
    assert!(!linearizable(vec![event(1, 2, Act::Delete(None, true))]));
}

#[test]
fn sixteen_clients_at_once_are_searched_in_no_time() {
    let mut events = Vec::new();
    for round in 0..200u32 {
        let at = u64::from(round) * 10;
        for client in 0..16u32 {
            let version = round * 16 + (client * 7) % 16 + 1;
            events.push(event(at + 1, at + 9, Act::Put(version)));
        }
        events.push(event(at + 9, at + 10, Act::Get(Some((round + 1) * 16))));
    }
    assert!(linearizable(events.clone()));
    events.push(event(5_000, 5_001, Act::Get(Some(1))));
    assert!(!linearizable(events));
}
