//! Recovery shards in files: in plain, as only a laptop may keep them, or for their custodians.

use std::{
    fs,
    path::{Path, PathBuf},
};

use spike_client::{ClientError, NexusClient};
use spike_core::wire::v2::{escrow::RecoverRequest, operator::RestoreRequest};

use super::checks;
use crate::{
    error::CliError,
    input,
    operator::{
        hand::wire,
        recover::{
            folder::{Folder, is_shard},
            parcel::Set,
        },
        shard::RecoveryShard,
    },
};

/// Takes the recovery shards out of a Nexus and writes one file for each, in place of those of an
/// older set.
///
/// The client's identity must be of role recover.
pub(super) async fn save(nexus: &NexusClient, dir: &Path) -> Result<Set, CliError> {
    let wanted = RecoverRequest::default();
    let given = nexus.recover(&wanted).await;
    let set = Set::of(given.map_err(|e| refused("give its recovery shards", &e))?);
    for old in files(dir, |_| true)? {
        fs::remove_file(&old).map_err(|e| checks::file("remove", &old, &e))?;
    }
    Folder::prepare(Some(dir.to_owned()))?.save(&set.parcels)?;
    Ok(set)
}

/// The recovery shards that were saved in plain; none if the cluster never had a key, or has
/// custodians.
pub(super) fn load(dir: &Path) -> Result<Vec<RecoveryShard>, CliError> {
    files(dir, is_plain)?.iter().map(|path| one(path)).collect()
}

/// How many recovery shards are saved in plain.
pub(super) fn plain(dir: &Path) -> Result<usize, CliError> {
    Ok(files(dir, is_plain)?.len())
}

/// The files of recovery shards that only their custodians can read.
pub(super) fn encrypted(dir: &Path) -> Result<Vec<PathBuf>, CliError> {
    files(dir, |path| !is_plain(path))
}

/// How many recovery shards are saved, in whatever form.
pub(super) fn saved(dir: &Path) -> Result<usize, CliError> {
    Ok(files(dir, |_| true)?.len())
}

fn is_plain(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "txt")
}

fn files(dir: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>, CliError> {
    let entries = fs::read_dir(dir).map_err(|e| checks::file("read", dir, &e))?;
    let entries = entries.flatten().filter(|entry| is_shard(&entry.file_name().to_string_lossy()));
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).filter(|path| wanted(path)).collect();
    paths.sort();
    Ok(paths)
}

fn one(path: &Path) -> Result<RecoveryShard, CliError> {
    let text = input::file(path)?;
    let text = str::from_utf8(&text).unwrap_or_default();
    RecoveryShard::parse(text).map_err(|e| checks::file("read", path, &e))
}

/// Gives a sealed Nexus its key back, or says why these shards can't. The client's identity must be
/// of role restore.
///
/// A Nexus that has its key already needs nothing.
pub(super) async fn restore(
    nexus: &NexusClient,
    shards: Vec<RecoveryShard>,
) -> Result<Option<String>, CliError> {
    let request = RestoreRequest { shards: wire(shards) };
    match nexus.restore_all(&request).await {
        Ok(_) | Err(ClientError::Conflict { .. }) => Ok(None),
        Err(ClientError::BadRequest { detail, .. }) => Ok(Some(detail)),
        Err(error) => Err(refused("take its recovery shards", &error)),
    }
}

fn refused(doing: &str, error: &ClientError) -> CliError {
    CliError::other(
        format!("Nexus would not {doing}: {error}"),
        "See logs/nexus-0.log and audit/nexus-0.jsonl in the cluster's directory.",
    )
}
