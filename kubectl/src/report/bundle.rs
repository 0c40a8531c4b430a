//! Files in memory, then in one archive or in a folder that only their owner reads.

use std::{
    collections::BTreeMap,
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use flate2::{Compression, write::GzEncoder};

/// What is collected.
#[derive(Debug, Default)]
pub(super) struct Bundle {
    files: BTreeMap<String, String>,
    unread: Vec<String>,
}

impl Bundle {
    /// A file; nothing is taken that wasn't redacted.
    pub(super) fn add(&mut self, path: impl Into<String>, text: String) {
        self.files.insert(path.into(), text);
    }

    /// Something could not be read.
    pub(super) fn lacks(&mut self, what: &str, why: &str) {
        self.unread.push(format!("{what}: {why}"));
    }

    /// How many files there are.
    pub(super) fn files(&self) -> usize {
        self.all().len()
    }

    /// What could not be read.
    pub(super) fn unread(&self) -> &[String] {
        &self.unread
    }

    /// Every file, with the list of what isn't there.
    fn all(&self) -> BTreeMap<String, String> {
        let mut all = self.files.clone();
        if !self.unread.is_empty() {
            all.insert("unread.txt".to_owned(), self.unread.join("\n") + "\n");
        }
        all
    }

    /// One archive. What is there already is never overwritten.
    pub(super) fn write_file(&self, path: &Path) -> io::Result<()> {
        let mut archive = tar::Builder::new(GzEncoder::new(create(path)?, Compression::default()));
        for (name, text) in self.all() {
            let mut header = tar::Header::new_gnu();
            header.set_size(u64::try_from(text.len()).unwrap_or(u64::MAX));
            header.set_mode(0o600);
            header.set_cksum();
            archive.append_data(&mut header, format!("spike-report/{name}"), text.as_bytes())?;
        }
        archive.into_inner()?.finish()?.sync_all()
    }

    /// A folder, which must not be there.
    pub(super) fn write_folder(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(path)?;
        for (name, text) in self.all() {
            let file = path.join(&name);
            if let Some(parent) = file.parent() {
                DirBuilder::new().mode(0o700).recursive(true).create(parent)?;
            }
            create(&file)?.write_all(text.as_bytes())?;
        }
        Ok(())
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, process::Command};

    use super::*;

    fn bundle() -> Bundle {
        let mut bundle = Bundle::default();
        bundle.add("status.txt", "well\n".to_owned());
        bundle.add("logs/a.log", "line\n".to_owned());
        bundle.add("operator/logs/b.log", "line\n".to_owned());
        bundle.lacks("nodes", "forbidden");
        bundle
    }

    #[test]
    fn an_archive_is_one_that_tar_reads_and_nobody_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("report.tar.gz");
        bundle().write_file(&file).expect("written");
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        let mut tar = Command::new("tar");
        let unpacked = tar.arg("-xzf").arg(&file).arg("-C").arg(folder.path()).status();
        assert!(unpacked.expect("tar runs").success());
        let read = |name: &str| fs::read_to_string(folder.path().join("spike-report").join(name));
        assert_eq!(read("logs/a.log").expect("there"), "line\n");
        assert_eq!(read("unread.txt").expect("there"), "nodes: forbidden\n");
        let again = bundle().write_file(&file).expect_err("it is there");
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_folder_has_the_same_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let to = folder.path().join("report");
        bundle().write_folder(&to).expect("written");
        assert_eq!(fs::read_to_string(to.join("logs/a.log")).expect("there"), "line\n");
        assert_eq!(bundle().files(), 4);
        assert!(bundle().write_folder(&to).is_err(), "it is there");
    }
}
