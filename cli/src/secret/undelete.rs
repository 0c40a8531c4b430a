//! `spike secret undelete`.

use spike_core::SecretPath;

use super::versions::Which;
use crate::{context::Context, error::CliError, explain::Doing, output};

/// Undelete secrets at the specified path.
///
/// Version 0 refers to the current/latest version. If no version is specified, defaults to undeleting
/// the current version. Deleted versions can be undeleted.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where it is.
    path: SecretPath,
    /// Comma-separated list of versions to undelete.
    #[arg(short, long, value_name = "N,…", value_delimiter = ',', default_value = "0")]
    versions: Vec<Which>,
}

const EXAMPLES: &str = "\
Examples:
  spike secret undelete secret/ella            # the current version
  spike secret undelete secret/ella -v 1,2,3
  spike secret undelete secret/ella -v 0,1,2   # the current one and two others";

impl Args {
    /// Undeletes them.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let session = context.nexus().await?;
        let doing = Doing::new("undelete", format!("secret {}", self.path))
            .missing("there is no such secret, or none of these versions is deleted");
        let versions: Vec<_> = self.versions.iter().map(|which| which.0).collect();
        let undeleted = session.nexus.undelete_secret(&self.path, &versions).await;
        undeleted.map_err(session.explain(&doing))?;
        output::print("OK")
    }
}
