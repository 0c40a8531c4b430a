//! Every way to tamper with a log, and what the walk calls it.

use proptest::{prelude::*, sample::Index};
use zeroize::Zeroizing;

use super::*;
use crate::{
    Decision, Entry, Event,
    chain::{Page, Position},
    line::Own,
    sign::{Signer, public_key},
};

const KEY: u32 = 4;

fn seed() -> Zeroizing<[u8; 32]> {
    Zeroizing::new([7; 32])
}

fn keys() -> PublicKeys {
    [(KEY, public_key(&seed()))].into_iter().collect()
}

fn entry(n: u64) -> Entry {
    let time = Timestamp::from_second(1_800_000_000 + i64::try_from(n).expect("small"));
    let mut entry = Entry::new(Event::Read, "secret.get", time.expect("in range"));
    entry.principal = format!("spiffe://spike.ist/workload/{n}").parse().ok();
    entry.path = Some(format!("tenants/{n}/db"));
    entry.version = Some(n);
    entry.head_rev = Some(n + 1);
    entry.decision = Some(Decision::Allow);
    entry.policy = Some("readers".to_owned());
    entry.result = Some("ok".into());
    entry.latency = Some(std::time::Duration::from_micros(n));
    entry.trace_id = Some([9; 16]);
    entry
}

/// `count` lines, each fourth of them a signed head.
fn log(count: u64) -> Vec<String> {
    let signer = Signer::new(KEY, &seed());
    let mut page = Page::new("nexus-0", Position::START);
    for n in 1..=count {
        if n % 4 == 0 {
            page.head(&signer, Timestamp::from_second(1_800_000_000).expect("in range"));
        } else {
            page.entry(&entry(n));
        }
    }
    let text = String::from_utf8(page.bytes().to_vec()).expect("JSON");
    text.lines().map(str::to_owned).collect()
}

fn check(lines: &[String], expected: &Expected) -> Report {
    let text = lines.join("\n") + "\n";
    verify(text.as_bytes(), &keys(), expected).expect("memory can be read")
}

fn findings(lines: &[String]) -> Vec<(u64, Kind)> {
    let report = check(lines, &Expected::default());
    report.findings.into_iter().map(|finding| (finding.line, finding.kind)).collect()
}

#[test]
fn an_untouched_log_is_clean_and_says_how_far_it_is_signed() {
    let report = check(&log(10), &Expected { seq: Some(10), ..Expected::default() });
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!((report.lines, report.last_seq, report.unsigned()), (10, 10, 2));
    assert_eq!(report.signed.map(|signed| signed.seq), Some(8));
}

#[test]
fn every_field_of_a_line_is_protected() {
    let lines = log(10);
    for at in [1, 3] {
        let line: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&lines[at]).expect("an object");
        for field in line.keys() {
            for changed in mutations(&line, field) {
                let mut lines = lines.clone();
                lines[at] = changed;
                let found = findings(&lines);
                assert!(
                    found.iter().any(|(line, _)| *line == at as u64 + 1),
                    "{field}: {found:?}\n{}",
                    lines[at]
                );
            }
        }
    }
}

/// The line with `field` changed and with it removed.
fn mutations(line: &serde_json::Map<String, serde_json::Value>, field: &str) -> Vec<String> {
    use serde_json::Value::{Number, String};
    let mut changed = line.clone();
    let value = &mut changed[field];
    *value = match (field, &*value) {
        ("event", _) => "outcome".into(),
        ("time", _) => "2001-01-01T00:00:00Z".into(),
        ("decision", _) => "deny".into(),
        (_, Number(n)) => (n.as_u64().expect("a count") + 1).into(),
        (_, String(text)) => {
            text.chars().rev().collect::<std::string::String>().replace('0', "1").into()
        }
        (_, other) => panic!("an unexpected {other}"),
    };
    let mut removed = line.clone();
    removed.remove(field);
    [changed, removed].map(|line| serde_json::to_string(&line).expect("JSON")).to_vec()
}

#[test]
fn deleted_lines_are_counted_where_they_were() {
    let mut lines = log(12);
    lines.drain(4..6);
    assert_eq!(findings(&lines), [(5, Kind::Missing { from: 5, to: 6 })]);
}

#[test]
fn a_deleted_start_is_missed() {
    let lines = log(12).split_off(2);
    assert_eq!(findings(&lines), [(1, Kind::Missing { from: 1, to: 2 })]);
}

#[test]
fn swapped_lines_are_moved_and_not_missing() {
    let mut lines = log(12);
    lines.swap(4, 5);
    assert_eq!(findings(&lines), [(6, Kind::Moved)]);
    let mut lines = log(12);
    let first = lines.remove(1);
    lines.insert(8, first);
    assert_eq!(findings(&lines), [(9, Kind::Moved)]);
}

#[test]
fn a_repeated_line_is_named() {
    let mut lines = log(12);
    lines.insert(6, lines[5].clone());
    lines.insert(9, lines[2].clone());
    assert_eq!(findings(&lines), [(7, Kind::Repeated), (10, Kind::Repeated)]);
}

#[test]
fn a_strange_line_is_named_and_what_follows_is_still_checked() {
    let mut lines = log(12);
    lines[4] = "hello".to_owned();
    lines[8] = lines[8].replace("readers", "nobody");
    assert_eq!(findings(&lines), [(5, Kind::Unreadable), (9, Kind::Edited)]);
}

#[test]
fn a_field_outside_the_allow_list_is_no_audit_line() {
    let mut lines = log(3);
    lines[2] = lines[2].replace(r#""op":"#, r#""value":"hunter2","op":"#);
    assert_eq!(findings(&lines), [(3, Kind::Unreadable)]);
}

#[test]
fn a_cut_end_shows_against_what_is_known_from_elsewhere() {
    let lines = log(12);
    let cut = &lines[..9];
    assert!(check(cut, &Expected::default()).is_clean(), "the chain alone can't tell");
    let truncated = Finding { line: 9, kind: Kind::Truncated { last: 9, expected: 12 } };
    let by_seq = Expected { seq: Some(12), ..Expected::default() };
    assert_eq!(check(cut, &by_seq).findings, std::slice::from_ref(&truncated));
    let by_head = Expected { head: Some(lines[11].clone()), ..Expected::default() };
    assert_eq!(check(cut, &by_head).findings, [truncated]);
    assert!(check(&lines, &by_head).is_clean());
}

#[test]
fn a_log_rewritten_with_right_hashes_has_wrong_signatures() {
    let stranger = Signer::new(KEY, &Zeroizing::new([8; 32]));
    let mut page = Page::new("nexus-0", Position::START);
    page.entry(&entry(77));
    page.head(&stranger, Timestamp::UNIX_EPOCH);
    let report = verify(page.bytes(), &keys(), &Expected::default()).expect("readable");
    assert_eq!(report.findings, [Finding { line: 2, kind: Kind::BadSignature { key: KEY } }]);
    assert_eq!(report.signed, None);

    let honest = log(4);
    let kept = Expected { head: Some(honest[3].clone()), ..Expected::default() };
    let mut forged = Page::new("nexus-0", Position::START);
    for n in 0..9 {
        forged.entry(&entry(n));
    }
    let report = verify(forged.bytes(), &keys(), &kept).expect("readable");
    assert_eq!(report.findings, [Finding { line: 4, kind: Kind::OtherHead { seq: 4 } }]);
}

#[test]
fn an_unknown_key_and_a_missing_signature_are_findings() {
    let mut page = Page::new("nexus-0", Position::START);
    page.head(&Signer::new(9, &seed()), Timestamp::UNIX_EPOCH);
    page.own(Own::Head, Timestamp::UNIX_EPOCH, None);
    let report = verify(page.bytes(), &keys(), &Expected::default()).expect("readable");
    let kinds: Vec<_> = report.findings.into_iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [Kind::UnknownKey { key: Some(9) }, Kind::UnknownKey { key: None }]);
}

#[test]
fn a_later_segment_says_what_it_continues() {
    let mut page = Page::new("nexus-0", Position { seq: 41, ..Position::START });
    page.own(Own::Segment, Timestamp::UNIX_EPOCH, None);
    page.entry(&entry(1));
    let report = verify(page.bytes(), &PublicKeys::default(), &Expected::default());
    let report = report.expect("readable");
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!((report.continues, report.last_seq), (Some(41), 43));
}

#[test]
fn a_second_chain_is_a_finding_unless_the_log_was_collected() {
    let lines = [log(5), log(6)].concat();
    assert_eq!(findings(&lines), [(6, Kind::Restarted)]);
    let collected = Expected { restarts: true, ..Expected::default() };
    assert!(check(&lines, &collected).is_clean());
}

#[test]
fn a_torn_end_is_told_apart_from_tampering() {
    let text = log(5).join("\n");
    let report = verify(text.as_bytes(), &keys(), &Expected::default()).expect("readable");
    assert!(report.torn && report.is_clean());
    assert_eq!(report.last_seq, 4);
}

#[test]
fn a_line_without_end_costs_no_memory_and_is_one_finding() {
    let mut text = log(2).join("\n").into_bytes();
    text.push(b'\n');
    text.extend(std::iter::repeat_n(b'x', 3 * MAX_LINE));
    text.push(b'\n');
    let report = verify(text.as_slice(), &keys(), &Expected::default()).expect("readable");
    assert_eq!(report.findings, [Finding { line: 3, kind: Kind::Unreadable }]);
}

#[test]
fn a_file_of_something_else_has_a_bounded_report() {
    let text = "x\n".repeat(5000);
    let report = verify(text.as_bytes(), &keys(), &Expected::default()).expect("readable");
    assert_eq!(report.findings, [Finding { line: 0, kind: Kind::NotALog }]);
    assert_eq!((report.lines, report.unnamed), (5000, 0));

    let text = log(4).join("\n") + "\n" + &text;
    let report = verify(text.as_bytes(), &keys(), &Expected::default()).expect("readable");
    assert_eq!((report.findings.len(), report.unnamed), (MAX_FINDINGS, 4000));
}

#[test]
fn a_signature_that_was_asked_for_and_is_not_there_is_a_finding() {
    for lines in [0, 3] {
        let text: String = log(lines).into_iter().map(|line| line + "\n").collect();
        let by = |keys| verify(text.as_bytes(), &keys, &Expected::default()).expect("readable");
        assert_eq!(by(keys()).findings, [Finding { line: lines, kind: Kind::Unsigned }]);
        assert!(by(PublicKeys::default()).is_clean());
    }
}

/// One thing that someone does to a log before its last head.
#[derive(Clone, Debug)]
enum Tampering {
    Flip(Index, Index),
    Drop(Index),
    Swap(Index, Index),
    Repeat(Index, Index),
}

fn tampering() -> impl Strategy<Value = Tampering> {
    let index = any::<Index>;
    prop_oneof![
        (index(), index()).prop_map(|(line, byte)| Tampering::Flip(line, byte)),
        index().prop_map(Tampering::Drop),
        (index(), index()).prop_map(|(a, b)| Tampering::Swap(a, b)),
        (index(), index()).prop_map(|(from, to)| Tampering::Repeat(from, to)),
    ]
}

proptest! {
    #[test]
    fn no_tampering_before_the_last_head_goes_unnoticed(
        fours in 1_u64..12,
        done in proptest::collection::vec(tampering(), 1..4),
    ) {
        let honest = log(fours * 4);
        let mut lines = honest.clone();
        for one in done {
            let len = lines.len();
            match one {
                Tampering::Flip(line, byte) => {
                    let line = &mut lines[line.index(len)];
                    let at = byte.index(line.len());
                    let replacement = if line.as_bytes()[at] == b'1' { "2" } else { "1" };
                    line.replace_range(at..=at, replacement);
                }
                Tampering::Drop(line) if len > 1 => drop(lines.remove(line.index(len))),
                Tampering::Drop(_) => {}
                Tampering::Swap(a, b) => lines.swap(a.index(len), b.index(len)),
                Tampering::Repeat(from, to) => lines.insert(to.index(len), lines[from.index(len)].clone()),
            }
        }
        let kept = Expected { head: honest.last().cloned(), ..Expected::default() };
        prop_assert_eq!(check(&lines, &kept).is_clean(), lines == honest);
    }

    #[test]
    fn no_file_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let report = verify(bytes.as_slice(), &keys(), &Expected::default()).expect("readable");
        prop_assert!(!report.is_clean(), "nothing is signed");
    }
}
