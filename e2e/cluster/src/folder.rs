//! A run's folder: gone with the run, and swept away by the next one if the run was killed.

use std::{
    env,
    fs::{self, File, TryLockError},
    path::Path,
};

use anyhow::Context;
use rustix::process::getuid;
use tempfile::TempDir;

use crate::cgroup;

/// Before the user's number. Short, because sockets lie below it and their paths have at most 107 bytes.
const PARENT: &str = "spike-kubernetes";

/// A folder that exists as long as this does. Its lock tells others that the run is alive.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: TempDir,
    _lock: File,
}

impl Folder {
    /// Makes one, and removes those of runs that were killed.
    pub(crate) fn new(prefix: &str) -> anyhow::Result<Self> {
        let parent = env::temp_dir().join(format!("{PARENT}-{}", getuid().as_raw()));
        fs::create_dir_all(&parent).with_context(|| format!("create {}", parent.display()))?;
        let sweeping = File::create(parent.join("lock"))?;
        sweeping.lock()?;
        sweep(&parent)?;
        cgroup::sweep(|run| parent.join(run).exists());
        let folder = TempDir::with_prefix_in(format!("{prefix}-"), &parent)?;
        let lock = File::create(folder.path().join("lock"))?;
        lock.lock()?;
        Ok(Self { folder, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Its name, which no other run has.
    pub(crate) fn name(&self) -> String {
        let name = self.path().file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// Removes every folder whose run doesn't hold its lock any more.
fn sweep(parent: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(parent)? {
        let path = entry?.path();
        let Ok(lock) = File::open(path.join("lock")) else { continue };
        match lock.try_lock() {
            // What can't be removed now stays for the next run.
            Ok(()) => drop(fs::remove_dir_all(&path)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_swept_and_a_living_one_is_kept() {
        let living = Folder::new("test").expect("a folder");
        let killed = living.path().parent().expect("a parent").join("test-killed");
        fs::create_dir_all(&killed).expect("made");
        File::create(killed.join("lock")).expect("made");

        let next = Folder::new("test").expect("a folder");
        assert!(!killed.exists());
        assert!(living.path().exists() && next.path().exists());
    }
}
