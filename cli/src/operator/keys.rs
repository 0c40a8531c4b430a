//! `spike operator keys`.

use spike_core::Role;

use crate::{context::Context, error::CliError, explain::Doing, format::FormatFlag};

/// Show how the root key is split, and how far a re-share is.
///
/// Shows the public keys of the audit log as well, those of old lines too. Needs the role superuser
/// or operator.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    format: FormatFlag,
}

const EXAMPLES: &str = "\
Examples:
  spike operator keys
  spike operator keys -f json | jq -r '[.auditKeys[].key] | join(\",\")'";

impl Args {
    /// Shows it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let session = context.nexus().await?;
        let doing = Doing::as_role(&[Role::Superuser, Role::Operator], "read", "the key ring");
        let keys = session.nexus.keys().await.map_err(session.explain(&doing))?;
        self.format.format.print(&keys)
    }
}
