//! `spike policy apply`.

use std::path::PathBuf;

use spike_core::policy::{Permission, PolicyFields};

use super::{PERMISSIONS, WORKLOADS, spec};
use crate::{context::Context, error::CliError, explain::Doing, output};

/// Apply a policy configuration: create it, or replace the one of that name.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A YAML file with the policy; - is standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = FLAGS, required_unless_present_any = FLAGS)]
    file: Option<PathBuf>,
    /// The policy's name.
    #[arg(long, requires_all = ["path_pattern", "spiffeid_pattern", "permissions"])]
    name: Option<String>,
    /// Which paths: a regular expression, such as '^secrets/.*$'.
    #[arg(long, value_name = "REGEX", requires = "name")]
    path_pattern: Option<String>,
    #[arg(long, value_name = "REGEX", requires = "name", help = WORKLOADS)]
    spiffeid_pattern: Option<String>,
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        requires = "name",
        help = PERMISSIONS
    )]
    permissions: Vec<Permission>,
}

const FLAGS: [&str; 4] = ["name", "path_pattern", "spiffeid_pattern", "permissions"];

const EXAMPLES: &str = r"Examples:
  spike policy apply --file policy.yaml
  spike policy get db-access -f yaml | sed s/read/write/ | spike policy apply --file -

A file:
  name: db-access
  spiffeidPattern: ^spiffe://example\.org/service/.*$
  pathPattern: ^secrets/database/production/.*$
  permissions:
    - read
    - write";

impl Args {
    /// Applies it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let policy = spec::check(self.fields()?)?;
        let session = context.nexus().await?;
        let doing = Doing::new("apply", format!("policy {}", policy.name));
        session.nexus.put_policy(&policy).await.map_err(session.explain(&doing))?;
        spec::warn_of_loose_ends(&policy);
        output::print(&format!("Policy '{}' applied successfully", policy.name))
    }

    fn fields(self) -> Result<PolicyFields, CliError> {
        if let Some(file) = &self.file {
            return spec::read(file);
        }
        let required = "clap requires it without a file";
        Ok(PolicyFields {
            name: self.name.expect(required),
            spiffeid_pattern: self.spiffeid_pattern.expect(required),
            path_pattern: self.path_pattern.expect(required),
            permissions: spec::names(&self.permissions),
        })
    }
}
