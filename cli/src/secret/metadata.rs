//! `spike secret metadata`.

use clap::Subcommand;
use spike_core::SecretPath;

use super::versions::Which;
use crate::{context::Context, error::CliError, format::FormatFlag};

/// Commands for what is known of a secret.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Get(Args),
}

/// Gets secret metadata from the specified path.
///
/// Its versions, when they were made and deleted; never a value.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where it is.
    path: SecretPath,
    /// Fail if this version doesn't exist; 0 is the current one.
    #[arg(short, long, default_value = "0", hide_default_value = true)]
    version: Which,
    #[command(flatten)]
    format: FormatFlag,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  spike secret metadata get tenants/acme/db
  spike secret metadata get tenants/acme/db -f json | jq .metadata.currentVersion";

impl Args {
    /// Gets it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let session = context.nexus().await?;
        let doing = self.version.of("read metadata of", &self.path);
        let read = session.nexus.secret_metadata(&self.path, self.version.0).await;
        let metadata = read.map_err(session.explain(&doing))?;
        self.format.format.print(&metadata)
    }
}
