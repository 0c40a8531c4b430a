//! `spike secret put`.

use spike_core::SecretPath;

use crate::{context::Context, error::CliError, explain::Doing, output, values};

/// Put secrets at the specified path.
///
/// Makes a new version that holds exactly the given keys: keys of the version before that are not
/// given again are not in it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to put it, such as tenants/acme/db.
    path: SecretPath,
    /// What to put: KEY=VALUE, KEY=@FILE, KEY=- (standard input), or KEY alone to be asked for the
    /// value. A value that starts with @ is written with two.
    #[arg(required = true, value_name = "KEY=VALUE")]
    values: Vec<values::Assignment>,
}

const EXAMPLES: &str = "\
Files and standard input are taken to the last byte, a final line break included.

Examples:
  spike secret put tenants/acme/db user=root password=@password.txt
  printf %s \"$TOKEN\" | spike secret put ci/token value=-
  spike secret put tenants/acme/db user=root password   # asks, shows nothing";

impl Args {
    /// Puts it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let values = values::read_all(self.values)?;
        let session = context.nexus().await?;
        let doing = Doing::new("write", format!("secret {}", self.path))
            .mend("It may be too large: Nexus takes requests of up to 1 MiB, JSON included.");
        session.nexus.put_secret(&self.path, values).await.map_err(session.explain(&doing))?;
        output::print("OK")
    }
}
