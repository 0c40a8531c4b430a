//! Disks that can be full: small filesystems in memory.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

/// Where a server keeps its files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disk {
    /// With the test's other files.
    #[default]
    Shared,
    /// All of them on a filesystem of so many MiB.
    Data(u32),
    /// Its write-ahead log on a filesystem of so many MiB.
    Wal(u32),
}

impl Disk {
    /// Whether this machine lets us make small filesystems; a test that needs one says that it
    /// skips if not.
    pub fn can_be_small() -> bool {
        tempfile::tempdir().is_ok_and(|folder| Mount::at(folder.path(), 1).is_ok())
    }
}

/// A filesystem that goes with this value.
#[derive(Debug)]
pub(crate) struct Mount(PathBuf);

impl Mount {
    /// Mounts an empty one of `mib` MiB at an existing folder.
    pub(crate) fn at(folder: &Path, mib: u32) -> anyhow::Result<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o"]).arg(format!("size={mib}m"));
        let done = mount.arg("spike-test").arg(folder).output().context("run mount")?;
        ensure!(done.status.success(), "mount: {}", String::from_utf8_lossy(&done.stderr));
        Ok(Self(folder.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: whatever still has a file open there loses nothing by it.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
