//! The machine's PostgreSQL, and the user it runs as.

use std::{
    env, fs,
    os::unix::{self, process::CommandExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use tokio::process::Command;

/// Where Debian and its kin keep each version's programs.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The oldest version that can order text by ICU.
const OLDEST: u32 = 15;

/// PostgreSQL refuses to run as root; the first of these users that exists runs it then.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// The folder of the programs, and who runs them.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
    /// Set if this process is root.
    user: Option<(u32, u32)>,
}

impl Programs {
    /// Finds them.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let folder = programs()?;
        let user = if rustix::process::getuid().is_root() { Some(user()?) } else { None };
        Ok(Self { folder, user })
    }

    /// The path of one of the programs.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A command that runs as the right user, with nothing of our environment.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> std::process::Command {
        let mut command = std::process::Command::new(program.as_ref());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").current_dir("/");
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Runs one of the programs to its end, and insists on success.
    pub(crate) async fn run(&self, name: &str, args: &[&str]) -> anyhow::Result<()> {
        let mut command = self.command(self.path(name));
        command.args(args);
        let out = Command::from(command).kill_on_drop(true).output().await;
        let out = out.with_context(|| format!("run {name}"))?;
        ensure!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
        Ok(())
    }

    /// Gives a file or folder to that user.
    pub(crate) fn give(&self, path: &Path) -> anyhow::Result<()> {
        match self.user {
            Some((uid, gid)) => unix::fs::chown(path, Some(uid), Some(gid))
                .with_context(|| format!("give away {}", path.display())),
            None => Ok(()),
        }
    }
}

/// The folder of the machine's newest PostgreSQL, else of the one on `PATH`.
pub fn programs() -> anyhow::Result<PathBuf> {
    let on_path = env::var_os("PATH").unwrap_or_default();
    newest_of_debian()
        .into_iter()
        .chain(env::split_paths(&on_path))
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
        .context(
            "no initdb and postgres on PATH or in /usr/lib/postgresql/*/bin: \
             install the Debian package postgresql",
        )
}

fn newest_of_debian() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).ok()?.filter_map(|entry| {
        let path = entry.ok()?.path();
        Some((path.file_name()?.to_str()?.parse::<u32>().ok()?, path))
    });
    let (version, path) = versions.max()?;
    (version >= OLDEST).then(|| path.join("bin"))
}

fn user() -> anyhow::Result<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd")?;
    for name in USERS {
        let line = users.lines().find(|line| line.split(':').next() == Some(name));
        let Some(line) = line else { continue };
        let mut numbers = line.split(':').skip(2).map(str::parse);
        if let (Some(Ok(uid)), Some(Ok(gid))) = (numbers.next(), numbers.next()) {
            return Ok((uid, gid));
        }
    }
    bail!("PostgreSQL doesn't run as root, and there is no user {}", USERS.join(" or "))
}
