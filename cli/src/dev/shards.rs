//! Recovery shards in plain files, as only a laptop may keep them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use spike_client::{ClientError, NexusClient};

use super::checks;
use crate::{
    error::CliError,
    input,
    operator::{recover::folder::Folder, shard::RecoveryShard},
};

/// Takes the recovery shards out of a Nexus and writes one file for each.
///
/// The client's identity must be of role recover.
pub(super) async fn save(nexus: &NexusClient, dir: &Path) -> Result<(), CliError> {
    let folder = Folder::prepare(Some(dir.to_owned()))?;
    let shards = nexus.recover().await.map_err(|e| refused("give its recovery shards", &e))?;
    let shards = shards.into_iter().map(|(index, bytes)| RecoveryShard { index, bytes });
    let shards: Vec<_> = shards.collect();
    folder.save(&shards)
}

/// The recovery shards that were saved; none if the cluster never had a key.
pub(super) fn load(dir: &Path) -> Result<Vec<RecoveryShard>, CliError> {
    files(dir)?.iter().map(|path| one(path)).collect()
}

/// How many recovery shards are saved.
pub(super) fn count(dir: &Path) -> Result<usize, CliError> {
    Ok(files(dir)?.len())
}

fn files(dir: &Path) -> Result<Vec<PathBuf>, CliError> {
    let entries = fs::read_dir(dir).map_err(|e| checks::file("read", dir, &e))?;
    let paths = entries.flatten().map(|entry| entry.path());
    Ok(paths.filter(|path| path.extension().is_some_and(|e| e == "txt")).collect())
}

fn one(path: &Path) -> Result<RecoveryShard, CliError> {
    let text = input::file(path)?;
    let text = str::from_utf8(&text).unwrap_or_default();
    RecoveryShard::parse(text).map_err(|e| checks::file("read", path, &e))
}

/// Gives a sealed Nexus its key back. The client's identity must be of role restore.
///
/// A Nexus that has its key already needs nothing.
pub(super) async fn restore(
    nexus: &NexusClient,
    shards: Vec<RecoveryShard>,
) -> Result<(), CliError> {
    let request = RecoveryShard::request(shards);
    match nexus.restore_all(&request).await {
        Ok(_) | Err(ClientError::Conflict { .. }) => Ok(()),
        Err(error) => Err(refused("take its recovery shards", &error)),
    }
}

fn refused(doing: &str, error: &ClientError) -> CliError {
    CliError::other(
        format!("Nexus would not {doing}: {error}"),
        "See logs/nexus-0.log and audit/nexus-0.jsonl in the cluster's directory.",
    )
}
