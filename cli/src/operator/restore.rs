//! `spike operator restore`.

use spike_core::{Role, wire::v2::operator::RestoreRequest};

use super::{
    hand::{AtHand, wire},
    shard::RecoveryShard,
};
use crate::{context::Context, error::CliError, explain::Doing, output, session::Session};

/// Restore SPIKE Nexus (do this if SPIKE Nexus cannot auto-recover).
///
/// Takes the shards that `spike operator recover` saved: from files, or one per line from standard
/// input, or typed one after the other without being shown. Files that are encrypted with age are
/// opened in memory, with --identity. All shards are checked before anything changes. Needs the
/// role restore.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    at_hand: AtHand,
    /// Use SPIKE's own protocol, one call per shard: for a Nexus of SPIKE, and for custodians who
    /// can't meet. All calls must reach the same replica.
    #[arg(long)]
    one_by_one: bool,
    /// Have Nexus forget the shards that came one by one.
    #[arg(long, conflicts_with_all = ["one_by_one", "files", "identity"])]
    reset: bool,
}

const EXAMPLES: &str = "\
Examples:
  spike operator restore spike.recovery.1.txt spike.recovery.3.txt
  spike operator restore --identity alice.key --identity bob.key spike.recovery.*.age
  spike operator restore                       # asks, shows nothing
  age -d -i alice.key spike.recovery.1.age | spike operator restore --one-by-one";

impl Args {
    /// With these shards.
    pub(super) const fn new(at_hand: AtHand, one_by_one: bool) -> Self {
        Self { at_hand, one_by_one, reset: false }
    }

    /// Restores it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        if self.reset {
            return reset(&context.nexus().await?).await;
        }
        let shards = self.at_hand.read()?;
        let session = context.nexus().await?;
        if self.one_by_one {
            one_by_one(&session, shards).await
        } else {
            all(&session, shards).await?;
            output::print(RESTORED)
        }
    }
}

const RESTORED: &str = "
  SPIKE is now restored and ready to use.
";

async fn all(session: &Session, shards: Vec<RecoveryShard>) -> Result<(), CliError> {
    let request = RestoreRequest { shards: wire(shards) };
    let restored = session.nexus.restore_all(&request).await;
    restored.map_err(session.explain(&doing())).map(drop)
}

async fn one_by_one(session: &Session, shards: Vec<RecoveryShard>) -> Result<(), CliError> {
    for shard in shards {
        let answer = session.nexus.restore(shard.index, shard.bytes).await;
        let progress = answer.map_err(session.explain(&doing()))?;
        if progress.restored {
            return output::print(RESTORED);
        }
        output::print(&format!(
            "Shards collected: {}\nShards remaining: {}",
            progress.collected, progress.remaining
        ))?;
    }
    output::print("Run `spike operator restore --one-by-one` again with the remaining shards.")
}

async fn reset(session: &Session) -> Result<(), CliError> {
    let doing = Doing::as_role(&[Role::Restore], "forget", "the shards that came one by one");
    let reset = session.nexus.reset_restore().await.map_err(session.explain(&doing))?;
    output::print(&format!("Shards forgotten: {}", reset.forgotten))
}

fn doing() -> Doing {
    Doing::as_role(&[Role::Restore], "restore", "the root key")
        .mend("Give it enough shards of the set that `spike operator recover` made last.")
        .conflict(
            "Nexus has its root key: there is nothing to restore",
            "`spike status` shows whether anything else is wrong.",
        )
}
