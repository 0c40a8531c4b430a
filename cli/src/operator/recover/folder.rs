//! The folder that recovery shards are written to.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::parcel::Parcel;
use crate::error::{CliError, Exit};

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
    pub(crate) fn save(&self, shards: &[Parcel]) -> Result<(), CliError> {
        for (done, shard) in shards.iter().enumerate() {
            if let Err(error) = self.write(shard) {
                // Ours alone: a file that was there already is somebody's.
                shards.iter().take(done).for_each(|shard| self.remove(shard));
                return Err(unusable(&self.0, &error));
            }
        }
        Ok(())
    }

    fn write(&self, shard: &Parcel) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(self.file(shard))?;
        let written = file.write_all(shard.contents().as_bytes()).and_then(|()| file.sync_all());
        written.inspect_err(|_| self.remove(shard))
    }

    fn remove(&self, shard: &Parcel) {
        // What can't be removed is in the folder that the error names.
        let _ = fs::remove_file(self.file(shard));
    }

    /// Where a shard goes.
    pub(crate) fn file(&self, shard: &Parcel) -> PathBuf {
        self.0.join(format!("spike.recovery.{}.{}", shard.index(), shard.extension()))
    }
}

/// The file of a shard that is there already.
fn first_shard(path: &Path) -> io::Result<Option<String>> {
    let names = fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().display().to_string()));
    let names: Vec<String> = names.collect::<io::Result<_>>()?;
    Ok(names.into_iter().filter(|name| is_shard(name)).min())
}

/// True for the name of a recovery shard's file, of whatever kind.
pub(crate) fn is_shard(name: &str) -> bool {
    let rest = name.strip_prefix("spike.recovery.").and_then(|rest| rest.rsplit_once('.'));
    matches!(rest, Some((_, "txt" | "age")))
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
        "Nothing was saved. Choose another folder with --dir; without --new-set the same shards come \
         again.",
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use spike_core::ShareIndex;

    use super::*;
    use crate::operator::shard::RecoveryShard;

    fn shard(index: u8) -> Parcel {
        let index = ShareIndex::new(index).expect("not zero");
        Parcel::Plain(RecoveryShard { index, bytes: [index.get(); 32].into() })
    }

    fn encrypted(index: u8) -> Parcel {
        let index = ShareIndex::new(index).expect("not zero");
        Parcel::For { index, recipient: "age1x".to_owned(), file: "ciphertext\n".to_owned() }
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
        for (shard, name) in [(shard(3), "spike.recovery.3.txt"), (encrypted(3), SAFE)] {
            let temporary = tempfile::tempdir().expect("a folder");
            let prepare = || Folder::prepare(Some(temporary.path().to_owned()));
            let folder = prepare().expect("empty");
            folder.save(&[shard]).expect("saved");
            match prepare() {
                Err(CliError::Told { exit: Exit::Conflict, .. }) => {}
                other => panic!("a conflict, not {other:?}"),
            }
            assert_eq!(mode(&temporary.path().join(name)), 0o600);
        }
    }

    const SAFE: &str = "spike.recovery.3.age";

    #[test]
    fn a_set_is_saved_whole_or_not_at_all() {
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = Folder::prepare(Some(temporary.path().to_owned())).expect("empty");
        folder.save(&[shard(1), shard(2), shard(2)]).expect_err("the same index twice");
        assert_eq!(fs::read_dir(temporary.path()).expect("readable").count(), 0);
    }
}
