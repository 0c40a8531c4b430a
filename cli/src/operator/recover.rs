//! `spike operator recover`.

pub(crate) mod folder;

use std::path::PathBuf;

use spike_core::Role;

use super::shard::RecoveryShard;
use crate::{context::Context, error::CliError, explain::Doing, output};
use folder::Folder;

/// Save recovery shards (do this while SPIKE Nexus is healthy).
///
/// Writes one file per shard, spike.recovery.INDEX.txt, readable by you alone. Any threshold of
/// them brings the root key back after everything else is lost. Needs the role recover.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[arg(long, value_name = "DIR", help = FOLDER)]
    dir: Option<PathBuf>,
}

const FOLDER: &str = "The folder to write to, made if it is missing \
    [default: recover in SPIKE_PILOT_RECOVERY_DIR, or ~/.spike/recover]";

const EXAMPLES: &str = "\
Files that are there already are never overwritten: move them to a safe place first.

Examples:
  spike operator recover
  spike operator recover --dir /media/usb/spike";

impl Args {
    /// Saves them.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        // Before a shard leaves Nexus there must be a place for it.
        let folder = Folder::prepare(self.dir)?;
        let session = context.nexus().await?;
        let doing = Doing::as_role(Role::Recover, "take", "recovery shards");
        let shards = session.nexus.recover().await.map_err(session.explain(&doing))?;
        let shards = shards.into_iter().map(|(index, bytes)| RecoveryShard { index, bytes });
        let shards: Vec<_> = shards.collect();
        folder.save(&shards)?;
        let files: Vec<_> =
            shards.iter().map(|shard| folder.file(shard).display().to_string()).collect();
        output::print(&format!(
            "
  SPIKE Recovery shards saved to the recovery directory:
  {}

  One shard per file:
    {}

  Please make sure that:
    1. You encrypt these shards and keep them safe.
    2. Securely erase the shards from the
       recovery directory after you encrypt them
       and save them to a safe location.

  If you lose these shards, you will not be able to recover
  SPIKE Nexus in the unlikely event of a total system crash.
",
            folder.path().display(),
            files.join("\n    ")
        ))
    }
}
