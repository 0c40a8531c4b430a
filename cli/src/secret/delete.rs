//! `spike secret delete`.

use spike_core::SecretPath;

use super::versions::Which;
use crate::{context::Context, error::CliError, explain::Doing, output};

/// Delete secrets at the specified path.
///
/// Version 0 refers to the current/latest version. If no version is specified, defaults to deleting
/// the current version; the newest version that is left is current then. Deleted versions can be
/// undeleted.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where it is.
    path: SecretPath,
    /// Comma-separated list of versions to delete.
    #[arg(short, long, value_name = "N,…", value_delimiter = ',', default_value = "0")]
    versions: Vec<Which>,
}

const EXAMPLES: &str = "\
Examples:
  spike secret delete secret/apocalyptica            # the current version
  spike secret delete secret/apocalyptica -v 1,2,3
  spike secret delete secret/apocalyptica -v 0,1,2   # the current one and two others";

impl Args {
    /// Deletes them.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let session = context.nexus().await?;
        let doing = Doing::new("delete", format!("secret {}", self.path));
        let versions: Vec<_> = self.versions.iter().map(|which| which.0).collect();
        let deleted = session.nexus.delete_secret(&self.path, &versions).await;
        deleted.map_err(session.explain(&doing))?;
        output::print("OK")?;
        if self.versions.iter().any(|which| which.0.is_none()) {
            output::note(&format!(
                "the newest version that is left, if any, is current now; `spike secret metadata \
                 get {}` shows which.",
                self.path
            ));
        }
        Ok(())
    }
}
