//! `spike policy delete`.

use super::Name;
use crate::{context::Context, error::CliError, explain::Doing, output, prompt};

/// Delete a policy.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    name: Name,
    /// Don't ask.
    #[arg(short, long)]
    yes: bool,
}

const EXAMPLES: &str = "\
Examples:
  spike policy delete web-service-policy
  spike policy delete --name=web-service-policy --yes";

impl Args {
    /// Deletes it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let name = self.name.get();
        let session = context.nexus().await?;
        let doing = Doing::new("delete", format!("policy {name}"));
        if !self.yes {
            session.nexus.get_policy(&name).await.map_err(session.explain(&doing))?;
            prompt::confirm(&format!("Are you sure you want to delete policy '{name}'?"))?;
        }
        session.nexus.delete_policy(&name).await.map_err(session.explain(&doing))?;
        output::print("Policy deleted successfully.")
    }
}
