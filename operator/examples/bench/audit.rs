//! What the API server wrote down of the operator.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
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

/// Every request so far.
pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<Line>> {
    let lines = BufReader::new(File::open(file).context("open the audit")?).lines();
    // The last line may be half written.
    let lines: Result<Vec<_>, _> = lines.collect();
    Ok(lines?.iter().filter_map(|line| serde_json::from_str(line).ok()).collect())
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
