//! `spike secret get`.

use spike_core::SecretPath;

use super::versions::Which;
use crate::{
    context::Context,
    error::{CliError, Exit},
    format::FormatFlag,
    render::secret::{Secret, Value},
};

/// Get secrets from the specified path.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where it is.
    path: SecretPath,
    /// Only this key's value.
    key: Option<String>,
    /// Specific version to retrieve; 0 is the current one.
    #[arg(short, long, default_value = "0", hide_default_value = true)]
    version: Which,
    #[command(flatten)]
    format: FormatFlag,
}

const EXAMPLES: &str = "\
Examples:
  spike secret get tenants/acme/db
  spike secret get tenants/acme/db password > password.txt
  spike secret get tenants/acme/db -v 3 -f json | jq -r .password";

impl Args {
    /// Gets it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let session = context.nexus().await?;
        let doing = self.version.of("read", &self.path);
        let read = session.nexus.get_secret(&self.path, self.version.0).await;
        let mut values = read.map_err(session.explain(&doing))?;

        let format = self.format.format;
        let Some(key) = self.key else {
            return format.print(&Secret(values));
        };
        let value = values.remove(&key).ok_or_else(|| {
            CliError::new(
                Exit::Missing,
                format!("secret {} has no key {key}", self.path),
                "Leave the key out to see all of them.",
            )
        })?;
        format.print(&Value(value))
    }
}
