//! `spike status`.

use spike_core::{Role, wire::v2::health::State};

use crate::{
    context::Context,
    error::{CliError, Exit},
    explain::Doing,
    format::FormatFlag,
};

/// Show whether the cluster is well: keys, Keepers, store, audit.
///
/// Ends with 0 if Nexus serves secrets and with 6 if it doesn't. Needs the role superuser or
/// operator; works while Nexus has no root key, too.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    format: FormatFlag,
}

const EXAMPLES: &str = "\
Examples:
  spike status
  spike status -f json | jq '.keepers[] | select(.current | not)'";

impl Args {
    /// Shows it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let session = context.nexus().await?;
        let doing = Doing::as_role(&[Role::Superuser, Role::Operator], "read", "the status");
        let status = session.nexus.status().await.map_err(session.explain(&doing))?;
        self.format.format.print(&status)?;
        match status.status {
            State::Ready => Ok(()),
            _ => Err(CliError::Verdict(Exit::Unavailable)),
        }
    }
}
