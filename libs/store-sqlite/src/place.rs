//! Where the file lies: checked before SQLite touches it, so that each refusal names its remedy.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use spike_store::{Result, StoreError};

/// What every SQLite file that isn't empty starts with.
const MAGIC: [u8; 16] = *b"SQLite format 3\0";

/// Only the owner reads and writes.
const MODE: u32 = 0o600;

/// Any writer, unless [`STICKY`] keeps it from replacing what others own.
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Makes the file if it is missing, and refuses what can't be a store. Changes nothing that is there.
pub(crate) fn prepare(path: &Path) -> Result<()> {
    let directory = directory(path)?;
    if let Some(name) = filesystem::shared(directory) {
        return Err(unusable(
            path,
            &format!("is on {name}, where SQLite's locks are not reliable: use a local disk"),
        ));
    }
    let file = open(path)?;
    let mut start = Vec::new();
    let read = file.take(MAGIC.len() as u64).read_to_end(&mut start);
    read.map_err(|error| unusable(path, &format!("cannot be read ({error})")))?;
    if !start.is_empty() && start != MAGIC {
        return Err(unusable(path, "is not a SQLite database: name another file"));
    }
    sync(directory).map_err(|error| unusable(path, &format!("cannot be kept ({error})")))
}

/// Closes the file to others. SQLite gives its `-wal` and `-shm` files the same mode.
pub(crate) fn close_to_others(path: &Path) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(MODE))
        .map_err(|error| unusable(path, &format!("cannot be closed to others ({error})")))
}

fn directory(path: &Path) -> Result<&Path> {
    let directory = path.parent().filter(|_| path.is_absolute() && path.file_name().is_some());
    let directory = directory.ok_or_else(|| unusable(path, "is not an absolute path of a file"))?;
    let about = fs::metadata(directory).map_err(|error| {
        unusable(path, &format!("has no directory to lie in ({error}): create it for this user"))
    })?;
    if !about.is_dir() {
        return Err(unusable(path, "does not lie in a directory"));
    }
    let mode = about.permissions().mode();
    if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
        // Not refused: a volume of a pod looks like this, and nobody else may be there.
        tracing::warn!(
            directory = %directory.display(),
            "every user may write to the store's directory, and so remove the store"
        );
    }
    Ok(directory)
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(MODE);
    options.open(path).map_err(|error| {
        unusable(
            path,
            &match error.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    format!("cannot be written by this user ({error})")
                }
                io::ErrorKind::IsADirectory => "is a directory: name a file in it".to_owned(),
                io::ErrorKind::StorageFull => "cannot be made: the disk is full".to_owned(),
                _ => format!("cannot be opened ({error})"),
            },
        )
    })
}

/// A file that was just made survives a power failure only if its directory does.
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn unusable(path: &Path, why: &str) -> StoreError {
    StoreError::Unusable(format!("{} {why}", path.display()))
}

/// Which filesystems several machines may share.
mod filesystem {
    use std::path::Path;

    /// The name of the shared filesystem that `directory` is on; `None` for a local or an unknown
    /// one, or where the system doesn't tell.
    pub(super) fn shared(directory: &Path) -> Option<&'static str> {
        #[cfg(target_os = "linux")]
        return rustix::fs::statfs(directory).ok().and_then(|about| named(about.f_type));
        #[cfg(not(target_os = "linux"))]
        return None;
    }

    /// Numbers of `statfs(2)` and of the kernel's `magic.h`.
    pub(super) fn named(magic: i64) -> Option<&'static str> {
        Some(match magic {
            0x6969 => "NFS",
            0x517B | 0xFE53_4D42 | 0xFF53_4D42 => "SMB",
            0x6573_5546 => "FUSE",
            0x00C3_6400 => "Ceph",
            0x0102_1997 => "9P",
            0x0116_1970 => "GFS2",
            0x0BD0_0BD0 => "Lustre",
            0x4750_4653 => "GPFS",
            0x5346_414F => "AFS",
            0x7461_636F => "OCFS2",
            0x7375_7245 => "Coda",
            0x786F_4256 => "a VirtualBox shared folder",
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
