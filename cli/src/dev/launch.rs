//! Starts a planned program: with its variables only, its output in its log, and its life bound to
//! ours.

use std::{
    env,
    fs::{self, File},
    io,
    path::Path,
    process::Stdio,
};

use tokio::process::{Child, Command};

use super::{home, plan::Program};

/// This program, even if its file was replaced by a new build meanwhile.
const OURSELVES: &str = "/proc/self/exe";

/// Starts the program. Call it on the thread that lives as long as the process: the kernel ends a
/// child with the *thread* that made it.
pub(super) fn start(program: &Program) -> io::Result<Child> {
    let log = File::options().append(true).create(true).open(&program.log)?;
    let mut command = Command::new(OURSELVES);
    command
        .args(["dev", "exec", "--parent", &std::process::id().to_string(), "--"])
        .arg(&program.binary)
        .args(&program.args)
        .env_clear()
        .envs(inherited())
        .envs(program.env.iter().map(|(name, value)| (*name, value)))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // A Ctrl-C is for `spike dev`, which then stops its children in order.
        .process_group(0)
        .kill_on_drop(true);
    command.spawn()
}

/// Our own variables but those that would configure Spike.
fn inherited() -> impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)> {
    env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        !name.starts_with("SPIKE_") && !name.starts_with("SPIFFE_")
    })
}

/// Begins a new log and keeps the one before.
pub(super) fn rotate_log(log: &Path) -> io::Result<()> {
    match fs::rename(log, log.with_extension("log.1")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    home::private_file().open(log).map(drop)
}

/// The last lines of a log: what a program said before it ended.
pub(super) fn last_words(log: &Path) -> String {
    const LINES: usize = 8;
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("\n")
}
