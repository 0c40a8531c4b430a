//! The bytes of a line. Field order is part of the format: a line is hashed as it was written.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use spike_core::id::as_hex;

use crate::{Decision, Entry, Event, MAX_TEXT};

/// The version of the line's format.
pub(crate) const FORMAT: u8 = 1;

/// More than the longest line: six texts, of which JSON escapes every byte into six at worst.
pub(crate) const MAX_LINE: usize = 128 * 1024;

/// The SHA-256 of a line's bytes without its newline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct LineHash(#[serde(with = "as_hex")] pub(crate) [u8; 32]);

impl LineHash {
    /// What the first line of a chain names as its predecessor.
    pub(crate) const GENESIS: Self = Self([0; 32]);

    pub(crate) fn of(line: &[u8]) -> Self {
        Self(Sha256::digest(line).into())
    }
}

/// What the log says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Own {
    /// Lines may be missing before this one, through a crash or a full disk, and `result` says how.
    Recovered,
    /// The file before this one was moved or deleted; `prev` names its last line.
    Segment,
    /// A signature over everything so far.
    Head,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum What {
    Own(Own),
    Entry(Event),
}

/// One line, as it is written and read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Line<'a> {
    pub(crate) v: u8,
    pub(crate) seq: u64,
    pub(crate) time: Timestamp,
    #[serde(borrow)]
    pub(crate) replica: Cow<'a, str>,
    pub(crate) event: What,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) principal: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) op: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) head_rev: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) decision: Option<Decision>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) latency_us: Option<u64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace_id: Option<Cow<'a, str>>,
    pub(crate) prev: LineHash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_id: Option<u32>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) sig: Option<Cow<'a, str>>,
}

impl<'a> Line<'a> {
    /// A line of the log's own.
    pub(crate) fn own(replica: &'a str, what: Own, time: Timestamp, at: (u64, LineHash)) -> Self {
        Self::bare(replica, What::Own(what), time, at)
    }

    fn bare(replica: &'a str, event: What, time: Timestamp, at: (u64, LineHash)) -> Self {
        Self {
            v: FORMAT,
            seq: at.0,
            time,
            replica: clipped(replica),
            event,
            principal: None,
            op: None,
            path: None,
            version: None,
            head_rev: None,
            decision: None,
            policy: None,
            result: None,
            latency_us: None,
            trace_id: None,
            prev: at.1,
            key_id: None,
            sig: None,
        }
    }

    /// A program's line.
    pub(crate) fn of(replica: &'a str, entry: &'a Entry, at: (u64, LineHash)) -> Self {
        Self {
            principal: entry.principal.as_ref().map(|id| clipped(id.as_str())),
            op: Some(clipped(entry.op)),
            path: entry.path.as_deref().map(clipped),
            version: entry.version,
            head_rev: entry.head_rev,
            decision: entry.decision,
            policy: entry.policy.as_deref().map(clipped),
            result: entry.result.as_deref().map(clipped),
            latency_us: entry.latency.map(|l| u64::try_from(l.as_micros()).unwrap_or(u64::MAX)),
            trace_id: entry.trace_id.map(|id| hex::encode(id).into()),
            ..Self::bare(replica, What::Entry(entry.event), entry.time, at)
        }
    }

    /// The line's bytes, without a newline: JSON has none inside.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and texts are always JSON")
    }

    /// What a head's signature covers. `prev` stands for every line before it.
    pub(crate) fn signed_message(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(128);
        for part in [
            &b"spike/v1/audit-head"[..],
            self.replica.as_bytes(),
            &self.seq.to_be_bytes(),
            &self.time.as_nanosecond().to_be_bytes(),
            &self.prev.0,
        ] {
            let length = u32::try_from(part.len()).expect("every part is clipped");
            message.extend_from_slice(&length.to_be_bytes());
            message.extend_from_slice(part);
        }
        message
    }
}

/// The longest start of `text` that fits in [`MAX_TEXT`] bytes.
fn clipped(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(&text[..text.floor_char_boundary(MAX_TEXT)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_the_allow_list_in_their_order() {
        let mut entry = Entry::new(Event::Read, "secret.get", Timestamp::UNIX_EPOCH);
        entry.principal = "spiffe://spike.ist/app".parse().ok();
        entry.path = Some("t/db".to_owned());
        entry.version = Some(3);
        entry.head_rev = Some(9);
        entry.decision = Some(Decision::Allow);
        entry.policy = Some("db".to_owned());
        entry.result = Some("ok".into());
        entry.latency = Some(std::time::Duration::from_micros(81));
        entry.trace_id = Some([0xab; 16]);
        let line = Line::of("nexus-0", &entry, (7, LineHash::GENESIS)).to_bytes();
        assert_eq!(
            String::from_utf8(line).expect("JSON"),
            format!(
                concat!(
                    r#"{{"v":1,"seq":7,"time":"1970-01-01T00:00:00Z","replica":"nexus-0","#,
                    r#""event":"read","principal":"spiffe://spike.ist/app","op":"secret.get","#,
                    r#""path":"t/db","version":3,"headRev":9,"decision":"allow","policy":"db","#,
                    r#""result":"ok","latencyUs":81,"traceId":"{}","prev":"{}"}}"#
                ),
                "ab".repeat(16),
                "0".repeat(64),
            )
        );
    }

    #[test]
    fn a_strangers_long_text_is_cut_at_a_character() {
        let long = "ü".repeat(MAX_TEXT);
        let mut entry = Entry::new(Event::Denied, "secret.get", Timestamp::UNIX_EPOCH);
        entry.path = Some(format!("x{long}"));
        let line = Line::of("r", &entry, (1, LineHash::GENESIS));
        assert_eq!(line.path.map(|p| p.len()), Some(MAX_TEXT - 1));
    }

    #[test]
    fn the_longest_line_fits() {
        let text = || "\u{1}".repeat(2 * MAX_TEXT);
        let mut entry = Entry::new(Event::Denied, "op", Timestamp::UNIX_EPOCH);
        (entry.path, entry.policy) = (Some(text()), Some(text()));
        entry.result = Some(text().into());
        let line = Line::of(&text(), &entry, (u64::MAX, LineHash::GENESIS)).to_bytes();
        assert!(line.len() < MAX_LINE, "{}", line.len());
    }
}
