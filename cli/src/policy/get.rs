//! `spike policy get`.

use super::Name;
use crate::{
    context::Context, error::CliError, explain::Doing, format::FormatFlag, render::policy::Policy,
};

/// Get policy details.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    name: Name,
    #[command(flatten)]
    format: FormatFlag,
}

const EXAMPLES: &str = "\
Examples:
  spike policy get web-service-policy
  spike policy get --name=web-service-policy --format=json";

impl Args {
    /// Gets it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let name = self.name.get();
        let session = context.nexus().await?;
        let doing = Doing::new("read", format!("policy {name}"));
        let policy = session.nexus.get_policy(&name).await.map_err(session.explain(&doing))?;
        self.format.format.print(&Policy::from(policy))
    }
}
