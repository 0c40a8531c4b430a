//! `kubectl spike status`.

mod health;
pub(crate) mod look;
pub(crate) mod screen;

use std::process::ExitCode;

use clap::ValueEnum;
use spike_cli::{
    CliError,
    output::{self, Paint},
};

use crate::place::Place;
use look::Look;

/// Show whether a cluster is well, and what helps if it isn't: shards, keys, rollout, store, conditions.
///
/// Ends with 0 if all is well, with 7 if the cluster is degraded (it mends itself, or lacks what it
/// should have), with 8 if it needs someone. Whoever may see the resource may ask. Who may reach its pods,
/// too, sees what Nexus itself says of keys and Keepers.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Output format.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "human")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// One screen.
    Human,
    /// With addresses, restarts and templates of pods, and the times of conditions.
    Wide,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

const EXAMPLES: &str = "\
Examples:
  kubectl spike status
  kubectl spike status -c demo -n team -o wide
  kubectl spike status -o json | jq -r .health";

impl Args {
    /// Shows it.
    pub(crate) async fn run(self, place: &Place) -> Result<ExitCode, CliError> {
        let look = Look::at(place).await;
        let paint = Paint::of_stdout();
        output::print(&match self.output {
            Output::Human => screen::text(&look, paint, false),
            Output::Wide => screen::text(&look, paint, true),
            Output::Json => serde_json::to_string_pretty(&look).map_err(unprintable)?,
            Output::Yaml => serde_yaml::to_string(&look).map_err(unprintable)?,
        })?;
        Ok(look.health.into())
    }
}

fn unprintable(error: impl std::fmt::Display) -> CliError {
    CliError::other(format!("cannot print the status: {error}"), "Try another --output.")
}
