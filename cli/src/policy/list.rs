//! `spike policy list`.

use spike_core::wire::v1::PolicyListRequest;

use crate::{
    context::Context, error::CliError, explain::Doing, format::FormatFlag, render::policy::Names,
};

/// List policies, optionally filtering by path pattern or SPIFFE ID pattern.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only policies with exactly this path pattern.
    #[arg(long, value_name = "REGEX", conflicts_with = "spiffeid_pattern")]
    path_pattern: Option<String>,
    /// Only policies with exactly this SPIFFE ID pattern.
    #[arg(long, value_name = "REGEX")]
    spiffeid_pattern: Option<String>,
    #[command(flatten)]
    format: FormatFlag,
}

const EXAMPLES: &str = "\
Examples:
  spike policy list
  spike policy list --path-pattern '^secrets/web/db$' -f json";

impl Args {
    /// Lists them.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let session = context.nexus().await?;
        let filter = PolicyListRequest {
            spiffeid_pattern: self.spiffeid_pattern.unwrap_or_default(),
            path_pattern: self.path_pattern.unwrap_or_default(),
        };
        let names = session.nexus.list_policies(&filter).await;
        let names = names.map_err(session.explain(&Doing::new("list", "policies")))?;
        self.format.format.print(&Names::from(names))
    }
}
