//! What the demo prints.

use std::{
    fs,
    future::Future,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use super::stage::Failed;
use crate::{dev::checks, error::CliError, output::Paint};

/// A step's result: what was seen, or why it isn't as it should be.
pub(super) type Seen = Result<Vec<String>, String>;

/// Numbered steps, each with what was seen and how long it took.
pub(super) struct Tale {
    paint: Paint,
    steps: usize,
}

impl Tale {
    pub(super) fn new() -> Self {
        Self { paint: Paint::of_stdout(), steps: 0 }
    }

    pub(super) fn title(&self, text: &str) {
        say(&format!("\n{}\n", self.paint.bold(text)));
    }

    /// Tells a step while it happens.
    pub(super) async fn step(
        &mut self,
        what: &str,
        happening: impl Future<Output = Seen>,
    ) -> Result<(), Failed> {
        self.steps += 1;
        say(&self.paint.bold(&format!("{}. {what}", self.steps)));
        let started = Instant::now();
        let seen = Box::pin(happening).await;
        let took = started.elapsed().as_secs_f32();
        match seen {
            Ok(lines) => {
                for line in lines {
                    say(&format!("   {line}"));
                }
                say(&format!("   {} {took:.1} s\n", self.paint.good("✓")));
                Ok(())
            }
            Err(why) => {
                say(&format!("   {} {why}\n", self.paint.bad("✗")));
                Err(Failed)
            }
        }
    }

    /// Sums up a story whose every step held.
    pub(super) fn end(&self, took: Duration, report: Option<&Path>) -> Result<(), CliError> {
        let (steps, seconds) = (self.steps, took.as_secs_f32());
        say(&self.paint.good(&format!("All {steps} steps hold, in {seconds:.0} s.")));
        let Some(path) = report else { return Ok(()) };
        let line = serde_json::json!({"steps": steps, "seconds": seconds});
        fs::write(path, format!("{line}\n")).map_err(|e| checks::file("write", path, &e))
    }
}

fn say(line: &str) {
    // Nobody reads: the exit status still tells.
    let _ = writeln!(std::io::stdout(), "{line}");
}
