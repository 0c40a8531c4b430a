//! The directory of a cluster. Whoever can read it is superuser, so nobody else can.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::checks;
use crate::error::{CliError, Exit};

/// The longest path of a unix socket, in bytes (unix(7): 108 with the final zero).
const MAX_SOCKET_PATH: usize = 107;

/// The longest name that an identity's socket gets.
const MAX_NAME: usize = 32;

/// The directory of a cluster.
#[derive(Clone, Debug)]
pub(super) struct Home {
    root: PathBuf,
}

/// A directory that is ours while this lives.
#[derive(Debug)]
pub(super) struct Locked(File);

impl Home {
    /// The directory, absolute; it needs not be there.
    pub(super) fn at(dir: &Path) -> Result<Self, CliError> {
        let root = std::path::absolute(dir).map_err(|e| checks::file("find", dir, &e))?;
        Ok(Self { root })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn manifest(&self) -> PathBuf {
        self.root.join("manifest.yaml")
    }

    pub(super) fn identities(&self) -> PathBuf {
        self.root.join("identity")
    }

    pub(super) fn socket_of(&self, identity: &str) -> PathBuf {
        spike_authority::dev::socket_path(&self.identities(), identity)
    }

    /// The identities that were added by hand.
    pub(super) fn added_identities(&self) -> PathBuf {
        self.root.join("identities.json")
    }

    pub(super) fn control(&self) -> PathBuf {
        self.root.join("dev.sock")
    }

    pub(super) fn log_of(&self, program: &str) -> PathBuf {
        self.root.join("logs").join(format!("{program}.log"))
    }

    pub(super) fn audit_of(&self, program: &str) -> PathBuf {
        self.root.join("audit").join(format!("{program}.jsonl"))
    }

    pub(super) fn recovery(&self) -> PathBuf {
        self.root.join("recovery")
    }

    pub(super) fn database(&self) -> PathBuf {
        self.root.join("data").join("spike.db")
    }

    fn lock_file(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Makes the directory and takes it; refuses one that is in use or that is something else.
    pub(super) fn take(&self) -> Result<Locked, CliError> {
        self.refuse_unaddressable()?;
        self.refuse_long_path()?;
        self.refuse_foreign()?;
        for dir in ["", "logs", "data", "audit", "recovery", "identity"] {
            private_dir(&self.root.join(dir))?;
        }
        let locked = self.lock()?;
        let mut file = &locked.0;
        let said = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        said.map_err(|e| checks::file("write", &self.lock_file(), &e))?;
        Ok(locked)
    }

    fn lock(&self) -> Result<Locked, CliError> {
        let path = self.lock_file();
        let mut file = private_file()
            .read(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| checks::file("open", &path, &e))?;
        match file.try_lock() {
            Ok(()) => Ok(Locked(file)),
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // Without the number the message is still right.
                let _ = file.read_to_string(&mut pid);
                Err(CliError::new(
                    Exit::Conflict,
                    format!(
                        "{} is running already, as process {}",
                        self.root.display(),
                        pid.trim()
                    ),
                    "Use it (`spike dev env`), stop it (`spike dev stop`), or choose another --dir.",
                ))
            }
            Err(TryLockError::Error(error)) => Err(checks::file("lock", &path, &error)),
        }
    }

    /// The process that runs here, if one does. Only the directory's owner can tell.
    pub(super) fn runner(&self) -> Result<Option<u32>, CliError> {
        match File::open(self.lock_file()) {
            Ok(file) => Ok(holder(file)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(checks::not_ours(self))
            }
            Err(_) => Ok(None),
        }
    }

    /// A directory with other things in it is not ours to fill.
    fn refuse_foreign(&self) -> Result<(), CliError> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(|e| checks::file("read", &self.root, &e))?,
        };
        if self.lock_file().exists() || entries.count() == 0 {
            return Ok(());
        }
        Err(CliError::usage(
            format!("{} is not a directory of `spike dev`, and not empty", self.root.display()),
            "Choose another --dir; it will be made.",
        ))
    }

    /// Sockets and the store are named by URIs, which stock clients read each in its own way: only
    /// what means itself to all of them will do.
    fn refuse_unaddressable(&self) -> Result<(), CliError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/+@,:=".contains(c);
        let Some(other) = self.root.to_string_lossy().chars().find(|c| !plain(*c)) else {
            return Ok(());
        };
        Err(CliError::usage(
            format!("{} has a {other:?}, which addresses can't have", self.root.display()),
            "Choose a --dir of ASCII letters, digits and -._~/+@,:= only, such as /tmp/spike.",
        ))
    }

    fn refuse_long_path(&self) -> Result<(), CliError> {
        let longest = self.socket_of(&"x".repeat(MAX_NAME)).as_os_str().len();
        if longest <= MAX_SOCKET_PATH {
            return Ok(());
        }
        Err(CliError::usage(
            format!(
                "{} is too long: paths of unix sockets have at most {MAX_SOCKET_PATH} bytes",
                self.root.display()
            ),
            format!("Choose a --dir that is {} bytes shorter.", longest - MAX_SOCKET_PATH),
        ))
    }
}

/// The process that holds the lock.
fn holder(mut lock: File) -> Option<u32> {
    let Err(TryLockError::WouldBlock) = lock.try_lock_shared() else { return None };
    let mut pid = String::new();
    lock.read_to_string(&mut pid).ok()?;
    pid.trim().parse().ok()
}

/// Makes a directory that only its owner can enter, or makes an existing one so.
fn private_dir(path: &Path) -> Result<(), CliError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o700)))
        .map_err(|e| checks::file("make", path, &e))
}

/// How a file is made that only its owner can read.
pub(super) fn private_file() -> OpenOptions {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).clone()
}

/// Replaces a file as a whole, so that a crash leaves the old one or the new one.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let half = path.with_extension("new");
    let written = private_file()
        .open(&half)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&half, path));
    written.map_err(|e| checks::file("write", path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_runner_at_a_time_and_names_it() {
        let temp = tempfile::tempdir().expect("a directory");
        let home = Home::at(&temp.path().join("x")).expect("absolute");
        assert_eq!(home.runner(), Ok(None));
        let locked = home.take().expect("free");
        assert_eq!(home.runner(), Ok(Some(std::process::id())));
        let refused = home.take().expect_err("taken").to_string();
        assert!(refused.ends_with(&format!("process {}", std::process::id())), "{refused}");
        drop(locked);
        assert_eq!(home.runner(), Ok(None));
        home.take().expect("free again");
        let mode = fs::metadata(home.root()).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn someone_elses_directory_is_left_alone() {
        let temp = tempfile::tempdir().expect("a directory");
        fs::write(temp.path().join("thesis.tex"), "").expect("written");
        let home = Home::at(temp.path()).expect("absolute");
        assert!(home.take().expect_err("refused").to_string().contains("not empty"));
        assert_eq!(fs::read_dir(temp.path()).expect("there").count(), 1);
    }

    #[test]
    fn a_path_that_no_address_can_have_is_refused_and_names_the_character() {
        let temp = tempfile::tempdir().expect("a directory");
        for (name, told) in [("my cluster", "' '"), ("für", "'ü'"), ("a#b", "'#'"), ("50%", "'%'")]
        {
            let home = Home::at(&temp.path().join(name)).expect("absolute");
            let refused = home.take().expect_err("refused").to_string();
            assert!(refused.contains(told), "{refused}");
            assert!(!home.root().exists(), "{refused}");
        }
    }

    #[test]
    fn a_path_too_long_for_sockets_is_refused_with_the_number_of_bytes() {
        let home = Home::at(Path::new(&format!("/tmp/{}", "x".repeat(100)))).expect("absolute");
        assert!(home.take().expect_err("refused").to_string().contains("at most 107 bytes"));
    }
}
