//! Whether the names still lead to the files that are open.
//!
//! An open file outlives its name. What is written to one that was removed or replaced is gone when
//! the process ends, and what is read from it is the truth of the past: both are refused.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use spike_store::{Result, StoreError};

/// What SQLite keeps beside the file while it is open: the log holds writes that were acknowledged,
/// the index the locks that keep two processes apart.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// A file, whatever it is called: its device and inode. No other file gets the inode of an open one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inode(u64, u64);

impl Inode {
    /// Of the file that `path` leads to.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let about = fs::metadata(path)?;
        Ok(Self(about.dev(), about.ino()))
    }
}

/// The names of an open store, and the files that were opened under them.
#[derive(Debug)]
pub(crate) struct FileNames {
    files: Vec<(PathBuf, Inode)>,
    /// The last look found a name that leads elsewhere.
    astray: AtomicBool,
}

impl FileNames {
    /// Of a store that was just opened; `file` is what its path led to before that.
    pub(crate) fn of(path: &Path, file: Inode) -> Result<Self> {
        // SQLite follows links before it names what lies beside the file.
        let place = fs::canonicalize(path).map_err(|error| unknown(path, &error))?;
        let beside = BESIDE.iter().filter_map(|ending| {
            let mut name = place.clone().into_os_string();
            name.push(ending);
            let name = PathBuf::from(name);
            Inode::of(&name).ok().map(|inode| (name, inode))
        });
        let files = std::iter::once((path.to_owned(), file)).chain(beside).collect();
        let names = Self { files, astray: AtomicBool::new(false) };
        names.check().map(|()| names)
    }

    /// Refuses if a name leads elsewhere by now. It is a look at each name and no I/O beyond that.
    pub(crate) fn check(&self) -> Result<()> {
        let found = self.files.iter().try_for_each(|(path, opened)| check(path, *opened));
        if self.astray.swap(found.is_err(), Ordering::Relaxed) != found.is_err() {
            if let Err(error) = &found {
                tracing::error!("{error}");
            } else {
                tracing::info!("the store's file is back under its name");
            }
        }
        found
    }
}

fn check(path: &Path, opened: Inode) -> Result<()> {
    match Inode::of(path) {
        Ok(found) if found == opened => Ok(()),
        Ok(_) => Err(refused(
            path,
            "was replaced while it was open: nothing is written or read until the file that was \
             opened is back under its name, or until a restart, which opens what is there then",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(refused(
            path,
            "was removed while it was open: nothing is written or read until the file that was \
             removed is back under its name, or until a restart on a restored backup",
        )),
        Err(error) => Err(unknown(path, &error)),
    }
}

fn unknown(path: &Path, error: &io::Error) -> StoreError {
    refused(path, &format!("cannot be looked at ({error})"))
}

fn refused(path: &Path, why: &str) -> StoreError {
    StoreError::Unavailable {
        class: format!("its file {why}").into(),
        reason: format!("{} {why}", path.display()),
        retryable: false,
        cause: None,
    }
}
