//! What the API server wrote down of the operator.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
    time::Duration,
};

use anyhow::Context;
use jiff::Timestamp;
use serde::Deserialize;

/// One request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    pub(crate) verb: String,
    #[serde(rename = "requestURI")]
    pub(crate) request_uri: String,
    pub(crate) request_received_timestamp: Timestamp,
    #[serde(default)]
    object_ref: Resource,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Resource {
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: String,
}

impl Line {
    /// Of its Lease: what a leader does to stay one.
    pub(crate) fn is_lease(&self) -> bool {
        self.object_ref.resource == "leases"
    }

    /// The first thing that a reconcile reads.
    pub(crate) fn begins_a_look(&self) -> bool {
        self.verb == "get" && self.object_ref.resource == "statefulsets"
    }

    fn is_read(&self) -> bool {
        self.verb == "get" || self.verb == "list"
    }

    /// Asking for a token of one's own changes nothing.
    pub(crate) fn is_write(&self) -> bool {
        !self.is_read() && self.verb != "watch" && self.object_ref.subresource != "token"
    }
}

/// What comes after a place in the file, and how far that is: its last line may be half written.
pub(crate) fn read(file: &Path, from: u64) -> anyhow::Result<(Vec<Line>, u64)> {
    let mut file = File::open(file).context("open the audit")?;
    file.seek(SeekFrom::Start(from))?;
    let (mut bytes, mut whole) = (Vec::new(), 0);
    file.read_to_end(&mut bytes)?;
    let mut lines = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        whole += line.len();
        lines.push(serde_json::from_slice(line)?);
    }
    Ok((lines, from + u64::try_from(whole)?))
}

/// What was asked, but for the Lease.
pub(crate) struct Requests {
    pub(crate) reads: usize,
    pub(crate) writes: Vec<String>,
}

impl Requests {
    pub(crate) fn of(lines: &[Line]) -> Self {
        let lines = || lines.iter().filter(|line| !line.is_lease());
        let writes = lines().filter(|line| line.is_write());
        Self {
            reads: lines().filter(|line| line.is_read()).count(),
            writes: writes.map(|line| format!("{} {}", line.verb, line.request_uri)).collect(),
        }
    }
}

/// The longest time between two writes of the Lease.
pub(crate) fn longest_reign(lines: &[Line]) -> Duration {
    let renewed = lines.iter().filter(|line| line.is_lease() && line.is_write());
    let times: Vec<_> = renewed.map(|line| line.request_received_timestamp).collect();
    let gaps = times.windows(2).filter_map(|pair| match pair {
        [one, next] => Duration::try_from(one.duration_until(*next)).ok(),
        _ => None,
    });
    gaps.max().unwrap_or_default()
}
