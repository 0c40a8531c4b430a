//! `spike policy`.

mod apply;
mod create;
mod delete;
mod get;
mod list;
mod spec;
mod test;

use clap::Subcommand;

use crate::{context::Context, error::CliError};

/// The help of `--permissions` and `--spiffeid-pattern`.
const PERMISSIONS: &str =
    "What they may do: read, write, list, execute or super (everything), separated by commas";
const WORKLOADS: &str =
    r"Which workloads: a regular expression, such as '^spiffe://example\.org/service/.*$'";

/// Of the group's help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  spike policy apply --file policy.yaml
  spike policy list
  spike policy test spiffe://example.org/service/web tenants/acme/db read";

/// Commands for policies: which workloads may do what with which secrets.
///
/// A policy grants permissions to the workloads whose SPIFFE ID matches one pattern, for the paths
/// that match another. Nothing is allowed that no policy grants.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Create(create::Args),
    Apply(apply::Args),
    List(list::Args),
    Get(get::Args),
    Delete(delete::Args),
    Test(test::Args),
}

impl Command {
    /// Does it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Create(args) => args.run(context).await,
            Self::Apply(args) => args.run(context).await,
            Self::List(args) => args.run(context).await,
            Self::Get(args) => args.run(context).await,
            Self::Delete(args) => args.run(context).await,
            Self::Test(args) => args.run(context).await,
        }
    }
}

/// A policy's name, as an argument or, as in SPIKE, as a flag.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Name {
    /// The policy's name.
    #[arg(value_name = "NAME")]
    argument: Option<String>,
    /// The policy's name (instead of the argument).
    #[arg(long = "name", value_name = "NAME")]
    flag: Option<String>,
}

impl Name {
    fn get(self) -> String {
        self.argument.or(self.flag).expect("clap requires one of them")
    }
}
