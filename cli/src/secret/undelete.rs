//! `spike secret undelete`.

use spike_core::SecretPath;

use super::versions::Which;
use crate::{context::Context, error::CliError, explain::Doing, output};

/// Undelete secrets at the specified path.
///
/// Name the versions: when the current one is deleted, the newest that is left is current in its
/// place, and that one has nothing to undelete. Without a version, or with 0, the newest comes back
/// if all are deleted.
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
  spike secret metadata get secret/ella      # which versions are deleted
  spike secret undelete secret/ella -v 1,2,3
  spike secret undelete secret/ella          # the newest, if all are deleted";

impl Args {
    /// Undeletes them.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let session = context.nexus().await?;
        let doing = doing(&self.path, &self.versions);
        let versions: Vec<_> = self.versions.iter().map(|which| which.0).collect();
        let undeleted = session.nexus.undelete_secret(&self.path, &versions).await;
        undeleted.map_err(session.explain(&doing))?;
        output::print("OK")
    }
}

/// What it means that nothing was undeleted depends on what was named.
fn doing(path: &SecretPath, versions: &[Which]) -> Doing {
    let what = if versions.iter().all(|which| which.0.is_none()) {
        "there is no such secret, or its current version is not deleted"
    } else {
        "there is no such secret, or none of these versions is deleted"
    };
    let next = format!(
        "`spike secret metadata get {path}` shows which are deleted; then `spike secret undelete \
         {path} -v <version>`."
    );
    Doing::new("undelete", format!("secret {path}")).missing(what, next)
}
