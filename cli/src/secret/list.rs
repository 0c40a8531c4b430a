//! `spike secret list`.

use crate::{
    context::Context, error::CliError, explain::Doing, format::FormatFlag, render::secret::Paths,
};

/// List all secret paths.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    format: FormatFlag,
}

const EXAMPLES: &str = "\
A path whose versions are all deleted is listed, too.

Examples:
  spike secret list
  spike secret list -f json | jq -r '.[]'";

impl Args {
    /// Lists them.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let session = context.nexus().await?;
        let doing = Doing::new("list", "secrets");
        let paths = session.nexus.list_secrets().await.map_err(session.explain(&doing))?;
        let paths = paths.iter().map(ToString::to_string).collect();
        self.format.format.print(&Paths(paths))
    }
}
