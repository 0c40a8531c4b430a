//! What the laws put into stores. Stores see bytes, so any bytes will do.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use spike_core::{Revision, SecretPath, Version};
use tokio::time::Instant;

use crate::{
    Batch, Call, CallerHash, Commit, Document, DocumentDrop, DocumentPut, Epochs, Found,
    Generation, HeadRow, Kind, Page, Sealed, Secrets, Seen, Select, TraceId, WriteKey,
    document::{MANIFEST, RING},
};

/// Long enough for a busy machine, short enough to notice a hang.
const PATIENCE: Duration = Duration::from_mins(1);

/// Some day.
pub(crate) const TODAY: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// A call with no guard.
pub fn call() -> Call {
    Call {
        guard: None,
        deadline: Instant::now() + PATIENCE,
        at: TODAY,
        trace: TraceId::default(),
        caller: CallerHash([1; 32]),
    }
}

/// A call under these epochs.
pub fn guarded(guard: Epochs) -> Call {
    Call { guard: Some(guard), ..call() }
}

/// A path.
pub fn path(raw: &str) -> SecretPath {
    raw.parse().expect("a valid path")
}

/// A version.
pub fn version(number: u64) -> Version {
    Version::new(number).expect("not 0")
}

/// A record that says so.
pub fn record(text: impl AsRef<str>) -> Sealed {
    Sealed(Bytes::copy_from_slice(text.as_ref().as_bytes()))
}

/// A head whose bytes, key and MAC follow from its revision.
pub fn head(revision: u64, current: Option<u64>) -> HeadRow {
    let low = revision.to_be_bytes()[7];
    HeadRow {
        revision: Revision(revision),
        current: current.map(version),
        bytes: Bytes::from(format!("head {revision}")),
        key: u32::from(low) + 1,
        mac: [low; 32],
    }
}

/// The commit that brings a path from revision `from` (0: nothing) to the next one, whose record has
/// that number and says so.
pub fn step(at: &str, from: u64) -> Commit {
    let to = from + 1;
    Commit {
        path: path(at),
        expect: (from > 0).then_some(Revision(from)),
        head: head(to, Some(to)),
        puts: vec![(version(to), record(to.to_string()))],
        drops: vec![],
    }
}

/// A batch without a key.
pub fn batch(commits: impl IntoIterator<Item = Commit>) -> Batch {
    Batch { commits: commits.into_iter().collect(), key: None }
}

/// A batch with one.
pub fn keyed(commits: impl IntoIterator<Item = Commit>, key: WriteKey) -> Batch {
    Batch { key: Some(key), ..batch(commits) }
}

/// The write key of that number, used for a request of its own.
pub fn key(number: u64) -> WriteKey {
    let mut scope = [7; 32];
    scope[..8].copy_from_slice(&number.to_be_bytes());
    WriteKey { scope, digest: [9; 32] }
}

/// Everything, from the start.
pub fn all() -> Page {
    Page { prefix: String::new(), after: None, limit: 1_000 }
}

/// A document.
pub fn document(name: &str, revision: u64, tag: u8) -> Document {
    Document {
        name: name.to_owned(),
        revision: Revision(revision),
        tag: [tag; 16],
        bytes: Bytes::from(format!("{name} {revision} {tag}")),
    }
}

/// The put that brings a document from revision `from` (0: none) to the next one.
pub fn put(kind: Kind, name: &str, from: u64, tag: u8) -> DocumentPut {
    let expect = (from > 0).then_some(Revision(from));
    DocumentPut { kind, expect, document: document(name, from + 1, tag) }
}

/// The same, of the manifest.
pub fn put_manifest(from: u64, tag: u8) -> DocumentPut {
    put(Kind::Manifest, MANIFEST, from, tag)
}

/// The same, of the ring.
pub fn put_ring(from: u64, tag: u8) -> DocumentPut {
    put(Kind::Ring, RING, from, tag)
}

/// A drop of a policy.
pub fn drop_policy(name: &str, revision: u64) -> DocumentDrop {
    DocumentDrop { kind: Kind::Policy, name: name.to_owned(), expect: Revision(revision) }
}

/// Epochs with that counter and tag of the manifest and that revision of the ring.
pub fn epochs(counter: u64, tag: u8, ring: u64) -> Epochs {
    Epochs { generation: Generation { counter, tag: [tag; 16] }, ring: Revision(ring) }
}

/// Reads one path.
pub async fn find(store: &impl Secrets, at: &str, select: Select) -> Seen<Found> {
    let mut seen = store.read(&call(), &[(path(at), select)]).await.expect("a read");
    assert_eq!(seen.value.len(), 1, "one answer for one path");
    Seen { epochs: seen.epochs, value: seen.value.remove(0) }
}

/// The revision of one path's head, 0 for no head.
pub async fn revision(store: &impl Secrets, at: &str) -> u64 {
    find(store, at, Select::Head).await.value.head.map_or(0, |head| head.revision.0)
}
