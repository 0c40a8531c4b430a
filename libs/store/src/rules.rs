//! What every store refuses alike, before it looks at what it keeps.
//!
//! These are the mistakes of a caller, not of a race: none of them can be cured by reading again.
//! They are written once, so that a batch that one store takes is taken by all.

use std::collections::HashSet;

use spike_core::Revision;
use tokio::time::Instant;

use crate::{
    Batch, Call, DocumentDrop, DocumentPut, Kind, Result, StoreError,
    document::{MANIFEST, RING},
};

/// The highest revision or version that a store keeps: SQL has no unsigned integers.
pub const MAX_NUMBER: u64 = i64::MAX as u64;

/// Refuses a call whose deadline has passed.
pub fn on_time(call: &Call) -> Result<()> {
    if call.deadline <= Instant::now() { Err(StoreError::late()) } else { Ok(()) }
}

/// Refuses a batch that names a path twice, or a revision that does not rise.
pub fn batch(batch: &Batch) -> Result<()> {
    let mut paths = HashSet::new();
    for commit in &batch.commits {
        if !paths.insert(&commit.path) {
            return Err(StoreError::Unsupported("commit one path twice in a batch"));
        }
        rises(commit.expect, commit.head.revision)?;
        let versions = commit.puts.iter().map(|(version, _)| *version);
        if versions.chain(commit.head.current).any(|version| version.get() > MAX_NUMBER) {
            return Err(StoreError::Unsupported("keep a version above 2^63 - 1"));
        }
    }
    Ok(())
}

/// Refuses a document named twice, a second ring or manifest, a ring or manifest to be dropped, an
/// audit document to be changed, and a revision that does not rise.
pub fn change(puts: &[DocumentPut], drops: &[DocumentDrop]) -> Result<()> {
    let mut names = HashSet::new();
    let put_names = puts.iter().map(|put| (put.kind, put.document.name.as_str()));
    let drop_names = drops.iter().map(|drop| (drop.kind, drop.name.as_str()));
    if !put_names.chain(drop_names).all(|name| names.insert(name)) {
        return Err(StoreError::Unsupported("change one document twice at once"));
    }
    for put in puts {
        match (put.kind, put.document.name.as_str()) {
            (Kind::Ring, name) if name != RING => {
                return Err(StoreError::Unsupported("keep a second key ring"));
            }
            (Kind::Manifest, name) if name != MANIFEST => {
                return Err(StoreError::Unsupported("keep a second manifest"));
            }
            (Kind::Audit, _) if put.expect.is_some() => {
                return Err(StoreError::Unsupported("change an audit document"));
            }
            _ => rises(put.expect, put.document.revision)?,
        }
    }
    for drop in drops {
        match drop.kind {
            Kind::Ring | Kind::Manifest => {
                return Err(StoreError::Unsupported("drop the key ring or the manifest"));
            }
            Kind::Audit => return Err(StoreError::Unsupported("drop an audit document")),
            Kind::Policy => {}
        }
    }
    Ok(())
}

fn rises(from: Option<Revision>, to: Revision) -> Result<()> {
    if to <= from.unwrap_or(Revision(0)) {
        return Err(StoreError::Unsupported("keep a revision that does not rise"));
    }
    if to.0 > MAX_NUMBER {
        return Err(StoreError::Unsupported("keep a revision above 2^63 - 1"));
    }
    Ok(())
}
