//! Where the chain stands, and the lines that go behind it. Pure: nothing here writes.

use jiff::Timestamp;

use crate::{
    Entry, Seq,
    line::{Line, LineHash, Own},
    sign::Signer,
};

/// The last line of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) seq: u64,
    pub(crate) hash: LineHash,
}

impl Position {
    /// Before the first line.
    pub(crate) const START: Self = Self { seq: 0, hash: LineHash::GENESIS };

    fn next(self) -> (u64, LineHash) {
        (self.seq.saturating_add(1), self.hash)
    }
}

/// Lines that will be written together, and where the chain stands after each of them.
pub(crate) struct Page<'a> {
    replica: &'a str,
    bytes: Vec<u8>,
    /// After each line: how many bytes there are and where the chain stands.
    marks: Vec<(usize, Position)>,
    start: Position,
}

impl<'a> Page<'a> {
    pub(crate) fn new(replica: &'a str, start: Position) -> Self {
        Self { replica, bytes: Vec::new(), marks: Vec::new(), start }
    }

    /// A program's line.
    pub(crate) fn entry(&mut self, entry: &Entry) -> Seq {
        self.push(&Line::of(self.replica, entry, self.end().next()))
    }

    /// A line of the log's own.
    pub(crate) fn own(&mut self, what: Own, time: Timestamp, result: Option<String>) {
        let mut line = Line::own(self.replica, what, time, self.end().next());
        line.result = result.map(Into::into);
        self.push(&line);
    }

    /// A signed head over everything before it.
    pub(crate) fn head(&mut self, signer: &Signer, time: Timestamp) {
        let mut line = Line::own(self.replica, Own::Head, time, self.end().next());
        signer.sign(&mut line);
        self.push(&line);
    }

    fn push(&mut self, line: &Line<'_>) -> Seq {
        let bytes = line.to_bytes();
        let position = Position { seq: line.seq, hash: LineHash::of(&bytes) };
        self.bytes.extend_from_slice(&bytes);
        self.bytes.push(b'\n');
        self.marks.push((self.bytes.len(), position));
        Seq(line.seq)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the chain stands after the whole page.
    pub(crate) fn end(&self) -> Position {
        self.marks.last().map_or(self.start, |&(_, position)| position)
    }

    /// Where the chain stands if only so many bytes were written.
    pub(crate) fn after(&self, written: usize) -> Position {
        let whole = self.marks.iter().take_while(|(end, _)| *end <= written);
        whole.last().map_or(self.start, |&(_, position)| position)
    }
}
