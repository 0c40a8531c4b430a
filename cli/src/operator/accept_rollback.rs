//! `spike operator accept-rollback`.

use spike_client::ClientError;
use spike_core::Role;

use crate::{context::Context, error::CliError, explain::Doing, output, prompt};

/// Accept a store that was restored from an older backup.
///
/// Nexus refuses a store that is older than what the Keepers remember (`store_rolled_back`):
/// policies that were revoked since the backup would be back. Look at the policies afterwards.
/// Needs the role restore, and is audited.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Don't ask.
    #[arg(short, long)]
    yes: bool,
}

const EXAMPLES: &str = "\
Examples:
  spike operator accept-rollback
  spike policy list";

impl Args {
    /// Accepts it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        if !self.yes {
            prompt::confirm("Accept the store as it is, with the policies of its backup?")?;
        }
        let session = context.nexus().await?;
        let doing = Doing::as_role(&[Role::Restore], "accept", "the older store").conflict(
            "the store is not older than anyone has seen",
            "There is nothing to accept; `spike status` shows what Nexus is waiting for.",
        );
        let accepted = session.nexus.accept_rollback().await.map_err(by_state);
        let now = accepted.map_err(session.explain(&doing))?;
        output::print(&format!(
            "The store is accepted. Key ring revision: {}, policy counter: {}",
            now.ring, now.policies
        ))
    }
}

/// The request has nothing in it that could be wrong: a refusal is one of the state.
fn by_state(error: ClientError) -> ClientError {
    match error {
        ClientError::BadRequest { code, detail } => ClientError::Conflict { code, detail },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_accept_is_a_conflict() {
        let refused = ClientError::BadRequest { code: String::new(), detail: String::new() };
        assert!(matches!(by_state(refused), ClientError::Conflict { .. }));
        assert!(matches!(by_state(ClientError::Denied), ClientError::Denied));
    }
}
