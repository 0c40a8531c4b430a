//! A file that ends in a whole line, whatever happens to the disk or to its name.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{Place, Sync, Tail};
use crate::{
    AuditError,
    chain::Position,
    line::{Line, LineHash, MAX_LINE},
};

/// An audit log in a file, held by this process alone.
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    /// Device and inode: what the path must still name.
    identity: (u64, u64),
    /// The end of the last durable page.
    length: u64,
    /// There may be bytes behind `length`: the last write failed.
    dirty: bool,
    sync: Sync,
}

impl LogFile {
    /// Opens or makes the file, takes its lock and cuts off an unfinished last line.
    pub(crate) fn open(path: &Path, sync: Sync) -> Result<(Self, Tail), AuditError> {
        // Opening a pipe would hang; the type is looked at first.
        let new = match fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() => return Err(AuditError::NotAFile(path.into())),
            Ok(_) => false,
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(error.into()),
        };
        let options = OpenOptions::new().read(true).append(true).create(true).mode(0o600).clone();
        let file = options.open(path)?;
        lock(&file, path)?;
        if new {
            sync_directory(path)?;
        }
        let tail = cut_to_last_line(&file, path)?;
        let metadata = file.metadata()?;
        let log = Self {
            path: path.into(),
            file,
            identity: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            dirty: false,
            sync,
        };
        Ok((log, tail))
    }

    /// Removes what a failed write left and follows the path if it names another file by now.
    pub(crate) fn settle(&mut self) -> Result<Place, AuditError> {
        let named = match fs::metadata(&self.path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let named = named.filter(|m| (m.dev(), m.ino()) == self.identity);
        let Some(named) = named else {
            (*self, _) = Self::open(&self.path, self.sync)?;
            return Ok(Place::Elsewhere);
        };
        if self.dirty && named.len() >= self.length {
            self.take_back()?;
        } else if named.len() != self.length {
            self.dirty = false;
            cut_to_last_line(&self.file, &self.path)?;
            self.length = self.file.metadata()?.len();
            return Ok(Place::Elsewhere);
        }
        Ok(Place::Behind)
    }

    /// Appends a page: all of it is durable, or none of it stays.
    pub(crate) fn write(&mut self, page: &[u8]) -> io::Result<()> {
        self.dirty = true;
        let written = self.file.write_all(page).and_then(|()| match self.sync {
            Sync::Group => self.file.sync_data(),
            Sync::Os => Ok(()),
        });
        if let Err(error) = written {
            // If even this fails, `settle` tries again before the next page.
            let _ = self.take_back();
            return Err(error);
        }
        self.dirty = false;
        self.length += page.len() as u64;
        Ok(())
    }

    /// Cuts off what a failed write left. Never makes the file longer: what someone else cut off
    /// must not come back as zeros.
    fn take_back(&mut self) -> io::Result<()> {
        if self.file.metadata()?.len() > self.length {
            self.file.set_len(self.length)?;
        }
        self.dirty = false;
        Ok(())
    }
}

fn lock(file: &File, path: &Path) -> Result<(), AuditError> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => AuditError::InUse(path.into()),
        TryLockError::Error(error) => error.into(),
    })
}

/// A new file's name survives a crash only with its directory.
fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Cuts off an unfinished last line, but only of a file that is an audit log.
fn cut_to_last_line(file: &File, path: &Path) -> Result<Tail, AuditError> {
    let length = file.metadata()?.len();
    let (end, last) = last_line(file, length)?;
    let position = match last {
        None if end == 0 && begins_a_line(file, length)? => Some(Position::START),
        None => None,
        Some(line) => position_of(&line),
    };
    let position = position.ok_or_else(|| AuditError::NotALog(path.into()))?;
    if end < length {
        file.set_len(end)?;
        file.sync_data()?;
    }
    Ok(Tail { position, torn: length - end })
}

/// True if a file without a whole line may be the torn first line of a log: its bytes, or zeros
/// where the file system knew only the length.
fn begins_a_line(file: &File, length: u64) -> io::Result<bool> {
    const START: &[u8] = br#"{"v":1,"seq":"#;
    let mut bytes = vec![0; START.len().min(usize::try_from(length).unwrap_or(usize::MAX))];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(START.starts_with(&bytes) || bytes.iter().all(|byte| *byte == 0))
}

fn position_of(line: &[u8]) -> Option<Position> {
    let seq = serde_json::from_slice::<Line<'_>>(line).ok()?.seq;
    Some(Position { seq, hash: LineHash::of(line) })
}

/// Where the last whole line ends, newline included, and its bytes without it.
///
/// Reads at most two lines' worth from the end: the longest torn line and the longest whole one.
fn last_line(file: &File, length: u64) -> io::Result<(u64, Option<Vec<u8>>)> {
    let window = length.min(2 * MAX_LINE as u64);
    let start = length - window;
    let mut bytes = vec![0; usize::try_from(window).expect("at most two lines")];
    file.read_exact_at(&mut bytes, start)?;
    let Some(newline) = bytes.iter().rposition(|byte| *byte == b'\n') else {
        // Nothing but a torn first line; anything longer is not a log.
        return Ok((if start == 0 { 0 } else { length }, None));
    };
    bytes.truncate(newline);
    let before = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    Ok((start + newline as u64 + 1, Some(bytes.split_off(before))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half_written(path: &Path) -> LogFile {
        let (mut log, _) = LogFile::open(path, Sync::Os).expect("opens");
        log.write(b"one\n").expect("written");
        log.write(b"two\n").expect("written");
        log.file.write_all(b"thr").expect("written");
        log.dirty = true;
        log
    }

    #[test]
    fn what_a_failed_write_left_is_taken_back_before_the_next_page() {
        let temp = tempfile::tempdir().expect("a directory");
        let path = temp.path().join("log");
        let mut log = half_written(&path);
        assert_eq!(log.settle().expect("settles"), Place::Behind);
        assert_eq!(fs::read(&path).expect("a log"), b"one\ntwo\n");
    }

    #[test]
    fn a_file_cut_after_a_failed_write_gets_no_zeros() {
        let temp = tempfile::tempdir().expect("a directory");
        let path = temp.path().join("log");
        let mut log = half_written(&path);
        log.file.set_len(0).expect("emptied");
        assert_eq!(log.settle().expect("settles"), Place::Elsewhere);
        log.write(b"four\n").expect("written");
        assert_eq!(fs::read(&path).expect("a log"), b"four\n");
    }
}
