//! `spike dev stop`: ends the running cluster and waits until nothing of it runs.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    Place,
    console::Console,
    control::{self, Request},
    home::Home,
};
use crate::error::{CliError, Exit};

/// Longer than the programs' drain, after which they are made to stop.
const PATIENCE: Duration = Duration::from_secs(40);

const ASK_EVERY: Duration = Duration::from_millis(50);

/// Of the command's help.
pub(super) const EXAMPLES: &str = "\
Examples:
  spike dev stop
  spike dev stop --dir /tmp/spike";

/// Arguments of `spike dev stop`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
}

impl Args {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let home = Home::at(&self.place.dir)?;
        let console = Console::from_process();
        let Some(pid) = home.runner()? else {
            console.note(format_args!("nothing runs in {}", home.root().display()));
            return Ok(());
        };
        control::tell(&home, &Request::Stop).await?;
        let deadline = Instant::now() + PATIENCE;
        // The lock goes with the process, and the process only after its programs.
        while home.runner()? == Some(pid) {
            if Instant::now() >= deadline {
                return Err(CliError::new(
                    Exit::Other,
                    format!("process {pid} did not stop within {PATIENCE:?}"),
                    format!("End it: `kill -9 {pid}`; its programs go with it."),
                ));
            }
            sleep(ASK_EVERY).await;
        }
        console.done("stopped; nothing is left running");
        Ok(())
    }
}
