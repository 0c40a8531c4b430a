//! The walk along the chain: one line at a time, remembering the last good one and open gaps.

use std::collections::BTreeSet;

use super::{Expected, Finding, Kind, PublicKeys, Report, Signed};
use crate::{
    chain::Position,
    line::{Line, LineHash, MAX_LINE, Own, What},
};

pub(super) struct Walk<'a> {
    keys: &'a PublicKeys,
    expected: &'a Expected,
    head: Option<ExpectedHead<'a>>,
    report: Report,
    /// The line with the highest number so far.
    last: Option<Last>,
    gaps: Vec<Gap>,
    /// Unreadable lines since `last`: they explain as many missing numbers.
    unreadable: u64,
}

#[derive(Clone, Copy)]
struct Last {
    line: u64,
    position: Position,
    /// Already found to be wrong.
    accused: bool,
}

/// Numbers that were skipped, until they turn up behind their place.
struct Gap {
    line: u64,
    from: u64,
    to: u64,
    found: BTreeSet<u64>,
}

struct ExpectedHead<'a> {
    seq: u64,
    line: &'a str,
}

impl<'a> Walk<'a> {
    pub(super) fn new(keys: &'a PublicKeys, expected: &'a Expected) -> Self {
        let mut report = Report::default();
        let head = expected.head.as_deref().and_then(|line| {
            let line = line.trim_end_matches('\n');
            let parsed = serde_json::from_str::<Line<'_>>(line).ok();
            if parsed.is_none() {
                report.add(0, Kind::BadExpectation);
            }
            Some(ExpectedHead { seq: parsed?.seq, line })
        });
        Self { keys, expected, head, report, last: None, gaps: Vec::new(), unreadable: 0 }
    }

    /// Takes the next line, without its newline; `whole` if it had one.
    pub(super) fn line(&mut self, bytes: &[u8], whole: bool) {
        self.report.torn = !whole && bytes.len() <= MAX_LINE;
        if self.report.torn {
            return;
        }
        self.report.lines += 1;
        let Ok(line) = serde_json::from_slice::<Line<'_>>(bytes) else {
            self.report.add(self.report.lines, Kind::Unreadable);
            self.unreadable += 1;
            return;
        };
        self.link(&line, LineHash::of(bytes));
        self.check_head(&line);
        self.compare(&line, bytes);
    }

    /// Decides where a line belongs, by its number and by the line it names as its predecessor.
    fn link(&mut self, line: &Line<'_>, hash: LineHash) {
        let here = self.report.lines;
        let Some(last) = self.last else { return self.first(line, hash) };
        let due = last.position.seq.saturating_add(1);
        let linked = line.prev == last.position.hash;
        match (linked, line.seq) {
            (true, seq) => {
                let accused = seq != due;
                if accused {
                    self.report.add(here, Kind::Edited);
                }
                self.advance(due, hash, accused);
            }
            (false, 1) if line.prev == LineHash::GENESIS => self.restart(hash),
            (false, seq) if seq == due => {
                if !last.accused {
                    self.report.add(last.line, Kind::Edited);
                }
                self.advance(seq, hash, false);
            }
            (false, seq) if seq > due => {
                let from = due + self.unreadable.min(seq - due);
                if from < seq {
                    let found = BTreeSet::new();
                    self.gaps.push(Gap { line: here, from, to: seq - 1, found });
                }
                self.advance(seq, hash, false);
            }
            (false, seq) => {
                let kind = if self.fills_gap(seq) { Kind::Moved } else { Kind::Repeated };
                self.report.add(here, kind);
            }
        }
    }

    fn first(&mut self, line: &Line<'_>, hash: LineHash) {
        let begins = line.seq == 1 && line.prev == LineHash::GENESIS;
        let continues = line.event == What::Own(Own::Segment) && line.seq > 1;
        if continues {
            self.report.continues = Some(line.seq - 1);
        } else if !begins {
            let to = line.seq.saturating_sub(1).max(1);
            self.gaps.push(Gap { line: self.report.lines, from: 1, to, found: BTreeSet::new() });
        }
        self.advance(line.seq, hash, false);
    }

    fn restart(&mut self, hash: LineHash) {
        if !self.expected.restarts {
            self.report.add(self.report.lines, Kind::Restarted);
        }
        self.close_gaps();
        self.advance(1, hash, false);
    }

    fn advance(&mut self, seq: u64, hash: LineHash, accused: bool) {
        let position = Position { seq, hash };
        self.last = Some(Last { line: self.report.lines, position, accused });
        self.report.last_seq = seq;
        self.unreadable = 0;
    }

    fn fills_gap(&mut self, seq: u64) -> bool {
        let mut gaps = self.gaps.iter_mut();
        gaps.find(|gap| (gap.from..=gap.to).contains(&seq)).is_some_and(|gap| gap.found.insert(seq))
    }

    fn check_head(&mut self, line: &Line<'_>) {
        if line.event != What::Own(Own::Head) || self.keys.is_empty() {
            return;
        }
        let here = self.report.lines;
        match (self.keys.check(line), line.key_id) {
            (Some(true), _) => {
                self.report.signed = Some(Signed { line: here, seq: line.seq, time: line.time });
            }
            (Some(false), Some(key)) => self.report.add(here, Kind::BadSignature { key }),
            (_, key) => self.report.add(here, Kind::UnknownKey { key }),
        }
    }

    /// The head that is expected at this number must be this line.
    fn compare(&mut self, line: &Line<'_>, bytes: &[u8]) {
        let Some(head) = &self.head else { return };
        if head.line.as_bytes() == bytes {
            self.head = None;
        } else if head.seq == line.seq && !self.expected.restarts {
            self.report.add(self.report.lines, Kind::OtherHead { seq: line.seq });
            self.head = None;
        }
    }

    /// What is still missing at the end is missing.
    pub(super) fn end(mut self) -> Report {
        if self.report.lines > 0 && self.last.is_none() {
            let finding = Finding { line: 0, kind: Kind::NotALog };
            return Report { findings: vec![finding], unnamed: 0, ..self.report };
        }
        self.close_gaps();
        let wanted = self.expected.seq.into_iter().chain(self.head.as_ref().map(|head| head.seq));
        let last = self.report.last_seq;
        if let Some(expected) = wanted.max().filter(|expected| *expected > last) {
            self.report.add(self.report.lines, Kind::Truncated { last, expected });
        } else if let Some(head) = &self.head {
            // Its place was passed without it: it is in a gap or before this segment.
            self.report.add(self.report.lines, Kind::OtherHead { seq: head.seq });
        }
        // Whoever gives keys asks who wrote it; all else that is wrong says enough.
        if !self.keys.is_empty() && self.report.signed.is_none() && self.report.is_clean() {
            self.report.add(self.report.lines, Kind::Unsigned);
        }
        self.report
    }

    fn close_gaps(&mut self) {
        for gap in std::mem::take(&mut self.gaps) {
            let mut from = gap.from;
            for found in gap.found.iter().copied().chain([gap.to + 1]) {
                if from < found {
                    self.report.add(gap.line, Kind::Missing { from, to: found - 1 });
                }
                from = found + 1;
            }
        }
    }
}
