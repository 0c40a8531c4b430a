//! `spike policy create`.

use spike_core::{
    policy::{Permission, PolicyFields},
    wire::v1::PolicyListRequest,
};

use super::{PERMISSIONS, WORKLOADS, spec};
use crate::{
    context::Context,
    error::{CliError, Exit},
    explain::Doing,
    output,
};

/// Create a new policy.
///
/// Fails if there is one of that name; `spike policy apply` replaces it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The policy's name.
    #[arg(long)]
    name: String,
    /// Which paths: a regular expression, such as '^secrets/.*$'.
    #[arg(long, value_name = "REGEX")]
    path_pattern: String,
    #[arg(long, value_name = "REGEX", help = WORKLOADS)]
    spiffeid_pattern: String,
    #[arg(long, value_name = "LIST", value_delimiter = ',', required = true, help = PERMISSIONS)]
    permissions: Vec<Permission>,
}

const EXAMPLES: &str = r"Patterns match anywhere in the text unless they start with ^ and end with $.

Examples:
  spike policy create --name db-access --permissions read,write \
    --path-pattern '^db/.*$' --spiffeid-pattern '^spiffe://example\.org/service/.*$'";

impl Args {
    /// Creates it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let policy = spec::check(PolicyFields {
            name: self.name,
            spiffeid_pattern: self.spiffeid_pattern,
            path_pattern: self.path_pattern,
            permissions: spec::names(&self.permissions),
        })?;
        let session = context.nexus().await?;
        let doing = Doing::new("create", format!("policy {}", policy.name));
        // SPIKE's protocol can only create or replace: whoever creates at the same moment wins.
        let all = session.nexus.list_policies(&PolicyListRequest::default()).await;
        if all.map_err(session.explain(&doing))?.contains(&policy.name) {
            return Err(CliError::new(
                Exit::Conflict,
                format!("policy {} already exists", policy.name),
                "Use `spike policy apply` to replace it.",
            ));
        }
        session.nexus.put_policy(&policy).await.map_err(session.explain(&doing))?;
        spec::warn_of_loose_ends(&policy);
        output::print("Policy created successfully.")
    }
}
