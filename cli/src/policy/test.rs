//! `spike policy test`.

use spike_core::{SpiffeId, policy::Permission, wire::v2::access::CheckRequest};

use super::spec;
use crate::{
    context::Context,
    error::{CliError, Exit},
    explain::Doing,
    format::FormatFlag,
};

/// Show which policy decides whether a workload may do something.
///
/// Ends with 0 if it is allowed and with 3 if it is denied. Nothing is read or changed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Who: the workload's SPIFFE ID.
    spiffe_id: SpiffeId,
    /// Where: a secret's path or a reserved one, such as spike/system/acl.
    path: String,
    /// What: read, write, list, execute or super; all of them must be granted.
    #[arg(required = true, value_delimiter = ',', value_name = "PERMISSION")]
    permissions: Vec<Permission>,
    #[command(flatten)]
    format: FormatFlag,
}

const EXAMPLES: &str = "\
Examples:
  spike policy test spiffe://example.org/service/web tenants/acme/db read
  spike policy test spiffe://example.org/ci spike/system/secret list";

impl Args {
    /// Asks Nexus.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let session = context.nexus().await?;
        let question = CheckRequest {
            spiffe_id: self.spiffe_id.to_string(),
            path: self.path,
            permissions: spec::names(&self.permissions),
        };
        let doing = Doing::new("test", format!("access to {}", question.path));
        let answer =
            session.nexus.check_access(&question).await.map_err(session.explain(&doing))?;
        self.format.format.print(&answer)?;
        if answer.allowed { Ok(()) } else { Err(CliError::Verdict(Exit::Denied)) }
    }
}
