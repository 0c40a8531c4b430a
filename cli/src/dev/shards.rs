//! Recovery shards in files: in plain, as only a laptop may keep them, or for their custodians.

use std::{
    fs, io,
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
    let (half, whole) = (dir.join(HALF), dir.join(WHOLE));
    discard(&half)?;
    Folder::prepare(Some(half.clone()))?.save(&set.parcels)?;
    fs::rename(&half, &whole).map_err(|e| checks::file("make", &whole, &e))?;
    settle(dir)?;
    Ok(set)
}

/// A set that is being written.
const HALF: &str = "half";

/// A set that was written and takes the place of the one before.
const WHOLE: &str = "whole";

/// Puts a whole set in the place of the one before; whatever ends it halfway, the next time ends it.
fn settle(dir: &Path) -> Result<(), CliError> {
    let (half, whole) = (dir.join(HALF), dir.join(WHOLE));
    if !whole.exists() {
        return Ok(());
    }
    for new in files(&whole, |_| true)? {
        let to = dir.join(new.file_name().unwrap_or_default());
        fs::copy(&new, &to).map_err(|e| checks::file("write", &to, &e))?;
    }
    let of_before = |path: &Path| !whole.join(path.file_name().unwrap_or_default()).exists();
    for old in files(dir, of_before)? {
        fs::remove_file(&old).map_err(|e| checks::file("remove", &old, &e))?;
    }
    fs::rename(&whole, &half).map_err(|e| checks::file("remove", &whole, &e))?;
    discard(&half)
}

fn discard(folder: &Path) -> Result<(), CliError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(checks::file("remove", folder, &error))
        }
        _ => Ok(()),
    }
}

/// The recovery shards that were saved in plain; none if the cluster never had a key, or has
/// custodians.
pub(super) fn load(dir: &Path) -> Result<Vec<RecoveryShard>, CliError> {
    settle(dir)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_that_was_written_takes_its_place_however_often_it_was_interrupted() {
        let temp = tempfile::tempdir().expect("a directory");
        let dir = temp.path();
        let text = |digit: &str| format!("spike:1:{}\n", digit.repeat(64));
        let put = |name: &str, digit| fs::write(dir.join(name), text(digit)).expect("written");
        for index in [1, 2, 3] {
            put(&format!("spike.recovery.{index}.txt"), "a");
        }
        put("notes", "n");
        // Half a set is none.
        fs::create_dir(dir.join(HALF)).expect("made");
        put("half/spike.recovery.1.txt", "b");
        settle(dir).expect("nothing to do");
        assert_eq!((saved(dir).expect("read"), load(dir).expect("read").len()), (3, 3));

        fs::create_dir(dir.join(WHOLE)).expect("made");
        put("whole/spike.recovery.1.txt", "c");
        put("whole/spike.recovery.2.age", "c");
        discard(&dir.join(HALF)).expect("gone");
        put("spike.recovery.1.txt", "c");
        assert_eq!(load(dir).expect("read").len(), 1);
        assert_eq!(saved(dir).expect("read"), 2);
        let first = fs::read_to_string(dir.join("spike.recovery.1.txt")).expect("there");
        assert_eq!(first, text("c"));
        assert!(dir.join("notes").exists() && !dir.join(WHOLE).exists());
    }
}
