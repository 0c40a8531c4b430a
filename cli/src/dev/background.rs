//! `spike dev up --background`: the same program again, in a session of its own.

use std::{env, fs::File, path::Path, process::Stdio, time::Duration};

use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

use super::{
    caution, checks,
    console::Console,
    control, launch,
    up::{self, Prepared},
};
use crate::error::{CliError, Exit};

/// Longer than every wait of a start together.
const PATIENCE: Duration = Duration::from_mins(3);

const ASK_EVERY: Duration = Duration::from_millis(100);

/// Starts the cluster in the background and returns once it serves.
pub(super) async fn start(args: &up::Args) -> Result<(), CliError> {
    // The same refusals as in the foreground, told here and not in a log. The lock goes with this.
    let Prepared { home, plan, .. } = args.prepare()?;
    let log = home.log_of("dev");
    launch::rotate_log(&log).map_err(|e| checks::file("begin", &log, &e))?;
    let mut child = spawn(args, &log)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            let words = launch::last_words(&log);
            return Err(CliError::new(
                Exit::Unavailable,
                format!("the cluster did not start ({status})\n{words}"),
                format!("See {}.", log.display()),
            ));
        }
        match control::status(&home).await {
            Ok(status) if status.started => break,
            // It goes on waiting; whoever started it is told, and a script isn't told all is well.
            Ok(status) if status.sealed => return Err(caution::sealed(&home)),
            _ => {}
        }
        if Instant::now() >= deadline {
            // Dropping the child would leave it; a half-started cluster helps nobody.
            let _ = super::supervise::end(&mut child).await;
            return Err(CliError::new(
                Exit::Unavailable,
                format!("the cluster did not start within {PATIENCE:?}"),
                format!("See {}.", log.display()),
            ));
        }
        sleep(ASK_EVERY).await;
    }
    let dir = home.root().display();
    let console = Console::from_process();
    console.done(format_args!("the cluster runs in the background, in {dir}"));
    caution::tell(&plan, &home, console);
    console.note(format_args!("  eval \"$(spike dev env --dir {dir})\""));
    console.note(format_args!("  spike dev stop --dir {dir}"));
    Ok(())
}

fn spawn(args: &up::Args, log: &Path) -> Result<Child, CliError> {
    let failed = |e: std::io::Error| checks::file("start the cluster with log", log, &e);
    let out = File::options().append(true).open(log).map_err(failed)?;
    Command::new(env::current_exe().map_err(failed)?)
        .args(args.in_background())
        .stdin(Stdio::null())
        .stdout(out.try_clone().map_err(failed)?)
        .stderr(out)
        .spawn()
        .map_err(failed)
}
