//! What each operation makes of a head, by example.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a small number")
}

fn path() -> SecretPath {
    "a/b".parse().expect("valid")
}

fn numbers(list: &[u64]) -> Selection {
    Selection::Numbers(list.iter().filter_map(|&n| Version::new(n)).collect())
}

fn put(before: Option<&Head>, max: u32) -> Change {
    let fresh =
        Incarnation([before.map_or(1, |h| u8::try_from(h.revision.0).unwrap_or(9) + 1); 16]);
    NewVersion::of(&path(), before, fresh, max, at(1)).sealed(RecordTag([7; 16]))
}

fn after_puts(count: usize) -> Head {
    (0..count)
        .fold(None, |head: Option<Head>, _| Some(put(head.as_ref(), 10).head))
        .expect("one put at least")
}

fn v(n: u64) -> Option<Version> {
    Version::new(n)
}

#[test]
fn a_put_prunes_the_lowest_beyond_the_maximum() {
    let head = after_puts(10);
    let change = put(Some(&head), 10);
    assert_eq!(change.drops, [Version::FIRST]);
    assert_eq!(change.head.versions.len(), 10);
    assert_eq!(change.head.current(), v(11));
    assert_eq!(change.expect, Some(head.revision));
}

#[test]
fn when_the_current_version_goes_the_highest_live_one_takes_its_place() {
    let head = after_puts(3).delete(&Selection::Current, at(2)).expect("changed").head;
    assert_eq!(head.current(), v(2));
    let head = head.delete(&numbers(&[1, 2]), at(3)).expect("changed").head;
    assert_eq!((head.current(), head.oldest()), (None, None));
    assert_eq!(head.delete(&Selection::Current, at(4)), None);
}

#[test]
fn deleting_an_older_version_leaves_the_current_one() {
    let head = after_puts(3).delete(&numbers(&[1]), at(2)).expect("changed").head;
    assert_eq!((head.current(), head.oldest()), (v(3), v(2)));
    assert!(head.readable(v(1)).is_none());
}

#[test]
fn a_put_after_a_delete_never_reuses_a_number() {
    let head = after_puts(2).delete(&numbers(&[1, 2]), at(2)).expect("changed").head;
    let head = put(Some(&head), 10).head;
    assert_eq!(head.current(), v(3));
}

#[test]
fn undelete_of_nothing_current_brings_back_the_highest_deleted() {
    let head = after_puts(2).delete(&numbers(&[1, 2]), at(2)).expect("changed").head;
    let head = head.undelete(&Selection::Current, at(3)).expect("changed").head;
    assert_eq!((head.current(), head.oldest()), (v(2), v(2)));
    assert_eq!(head.undelete(&Selection::Current, at(4)), Err(NoSuchVersion));
}

#[test]
fn undelete_raises_current_only_upwards() {
    let head = after_puts(3).delete(&numbers(&[1, 3]), at(2)).expect("changed").head;
    assert_eq!(head.current(), v(2));
    assert_eq!(head.undelete(&numbers(&[1]), at(3)).map(|c| c.head.current()), Ok(v(2)));
    assert_eq!(head.undelete(&numbers(&[3]), at(3)).map(|c| c.head.current()), Ok(v(3)));
    assert_eq!(head.undelete(&numbers(&[2, 9]), at(3)), Err(NoSuchVersion));
}

#[test]
fn a_tombstone_keeps_counting_under_a_new_incarnation() {
    let head = after_puts(2);
    let gone = head.destroy(&numbers(&[1, 2]), at(2)).expect("changed");
    assert!(gone.head.is_tombstone());
    assert_eq!(gone.drops.len(), 2);
    let reborn = put(Some(&gone.head), 10).head;
    assert_eq!(reborn.current(), v(3));
    assert_ne!(reborn.incarnation, head.incarnation);
}
