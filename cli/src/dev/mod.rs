//! `spike dev`: a whole cluster on this machine.

use crate::error::{CliError, Exit};

/// Run a whole cluster on this machine.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

impl Args {
    /// Runs the cluster until it is stopped.
    #[expect(clippy::unused_async, reason = "the cluster is awaited")]
    pub(crate) async fn run(self) -> Result<(), CliError> {
        Err(CliError::new(Exit::Other, "spike dev is not built yet", "Use a cluster."))
    }
}
