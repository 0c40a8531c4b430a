//! `spike dev demo`: a story that is true. It runs the programs as a user would, in processes of
//! their own, and reads every answer: a step that can't be checked isn't told.

mod audit;
mod faults;
mod secrets;
mod stage;
mod tale;

use std::{env, fs, path::PathBuf, time::Instant};

use stage::{Failed, Stage};
use tale::Tale;

use super::{checks, plan::MAX_PORT_OFFSET};
use crate::error::{CliError, Exit};

/// Watch a cluster survive: a story of a minute that checks itself.
///
/// It runs on the default ports, in a directory of its own that it removes at the end.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Add this to every port, if another cluster runs.
    #[arg(long, value_name = "N", default_value_t = 0,
        value_parser = clap::value_parser!(u16).range(..=MAX_PORT_OFFSET))]
    port_offset: u16,
    /// Write a line of JSON here once every step held: what a script can check.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  spike dev demo
  spike dev demo --port-offset 1000";

impl Args {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let dir = env::temp_dir().join(format!("spike-demo-{}", std::process::id()));
        let started = Instant::now();
        let mut tale = Tale::new();
        tale.title("Spike: a secrets store that heals itself");
        let stage = Stage::new(&dir, self.port_offset)?;
        let told = tell(&mut tale, &stage).await;
        // Whatever happened: nothing is left running.
        let swept = tale.step("Stop, and nothing is left running", stage.sweep()).await;
        match told.and(swept) {
            Ok(()) => {
                fs::remove_dir_all(&dir).map_err(|e| checks::file("remove", &dir, &e))?;
                tale.end(started.elapsed(), self.report.as_deref())
            }
            Err(Failed) => Err(CliError::new(
                Exit::Other,
                "the demo failed: what it saw is above",
                format!("See the logs and the audit lines in {}.", dir.display()),
            )),
        }
    }
}

async fn tell(tale: &mut Tale, stage: &Stage) -> Result<(), Failed> {
    let password = stage.password();
    tale.step("Start a cluster from one manifest", stage.start()).await?;
    tale.step("Write a secret and read it back", secrets::write_and_read(stage, password)).await?;
    tale.step("Allow one workload by policy", secrets::allow(stage, password)).await?;
    tale.step("Deny another, and write that down", secrets::deny(stage, password)).await?;
    tale.step("Kill a Keeper with SIGKILL", faults::kill_keeper(stage)).await?;
    tale.step("Kill Nexus with SIGKILL", faults::kill_nexus(stage, password)).await?;
    tale.step("Verify the audit log", audit::verify(stage)).await
}
