//! The folder that recovery shards are written to.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{
    error::{CliError, Exit},
    operator::shard::RecoveryShard,
};

/// A folder that exists and holds no recovery shard.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder if it is missing. Shards of another time must not be in it: which of them
    /// belong together could not be told any more.
    pub(crate) fn prepare(chosen: Option<PathBuf>) -> Result<Self, CliError> {
        let path = chosen.map_or_else(default, Ok)?;
        let failed = |error| unusable(&path, &error);
        DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(failed)?;
        match first_shard(&path).map_err(failed)? {
            None => Ok(Self(path)),
            Some(name) => Err(CliError::new(
                Exit::Conflict,
                format!("{} is there already", path.join(name).display()),
                "Move old shards to a safe place, or choose another --dir.",
            )),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes one file per shard, or none: half a set is worse than an error.
    pub(crate) fn save(&self, shards: &[RecoveryShard]) -> Result<(), CliError> {
        let saved = shards.iter().try_for_each(|shard| self.write(shard));
        saved.map_err(|error| {
            for shard in shards {
                // What can't be removed either is in the folder that the error names.
                let _ = fs::remove_file(self.file(shard));
            }
            unusable(&self.0, &error)
        })
    }

    fn write(&self, shard: &RecoveryShard) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(self.file(shard))?;
        file.write_all(shard.text().as_bytes())?;
        // Files that are put together are to be lines: `restore` takes one shard per line.
        file.write_all(b"\n")?;
        file.sync_all()
    }

    /// Where a shard goes.
    pub(crate) fn file(&self, shard: &RecoveryShard) -> PathBuf {
        self.0.join(format!("spike.recovery.{}.txt", shard.index))
    }
}

/// The file of a shard that is there already.
fn first_shard(path: &Path) -> io::Result<Option<String>> {
    let names = fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().display().to_string()));
    let names: Vec<String> = names.collect::<io::Result<_>>()?;
    Ok(names.into_iter().filter(|name| is_shard(name)).min())
}

fn is_shard(name: &str) -> bool {
    name.strip_prefix("spike.recovery.").is_some_and(|rest| rest.strip_suffix(".txt").is_some())
}

/// SPIKE's default folder.
fn default() -> Result<PathBuf, CliError> {
    let chosen = std::env::var_os("SPIKE_PILOT_RECOVERY_DIR").filter(|dir| !dir.is_empty());
    chosen
        .map(|dir| PathBuf::from(dir).join("recover"))
        .or_else(|| std::env::home_dir().map(|home| home.join(".spike/recover")))
        .ok_or_else(|| CliError::usage("there is no home folder", "Choose a folder with --dir."))
}

fn unusable(path: &Path, error: &io::Error) -> CliError {
    CliError::other(
        format!("cannot save recovery shards in {}: {error}", path.display()),
        "Nothing was saved. Choose another folder with --dir.",
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use spike_core::ShareIndex;

    use super::*;

    fn shard(index: u8) -> RecoveryShard {
        let index = ShareIndex::new(index).expect("not zero");
        RecoveryShard { index, bytes: [index.get(); 32].into() }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    #[test]
    fn shards_are_readable_by_their_owner_alone() {
        let temporary = tempfile::tempdir().expect("a folder");
        let path = temporary.path().join("deep/recover");
        let folder = Folder::prepare(Some(path.clone())).expect("made");
        folder.save(&[shard(1), shard(2)]).expect("saved");

        let second = path.join("spike.recovery.2.txt");
        assert_eq!((mode(&path), mode(&second)), (0o700, 0o600));
        let text = fs::read_to_string(second).expect("readable");
        assert_eq!(text, format!("spike:2:{}\n", "02".repeat(32)));
    }

    #[test]
    fn shards_of_another_time_are_never_overwritten() {
        let temporary = tempfile::tempdir().expect("a folder");
        let prepare = || Folder::prepare(Some(temporary.path().to_owned()));
        let folder = prepare().expect("empty");
        folder.save(&[shard(3)]).expect("saved");
        match prepare() {
            Err(CliError::Told { exit: Exit::Conflict, .. }) => {}
            other => panic!("a conflict, not {other:?}"),
        }
        assert!(fs::exists(temporary.path().join("spike.recovery.3.txt")).expect("readable"));
    }

    #[test]
    fn a_set_is_saved_whole_or_not_at_all() {
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = Folder::prepare(Some(temporary.path().to_owned())).expect("empty");
        folder.save(&[shard(1), shard(2), shard(2)]).expect_err("the same index twice");
        assert_eq!(fs::read_dir(temporary.path()).expect("readable").count(), 0);
    }
}
