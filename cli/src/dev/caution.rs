//! What must be known of a cluster before anyone relies on it, told wherever its start is watched.

use spike_crds::validate::StoreKind;

use super::{console::Console, home::Home, plan::Plan, shards};
use crate::error::{CliError, Exit};

/// Tells what a laptop may do and nothing else may.
pub(super) fn tell(plan: &Plan, home: &Home, console: Console) {
    if plan.cluster.store == StoreKind::Memory {
        console.warn("DEVELOPMENT ONLY: secrets are in memory alone: none is left after a stop");
        return;
    }
    let recovery = home.recovery();
    // A directory that can't be read has stopped the start already.
    let count = shards::count(&recovery).unwrap_or_default();
    if count > 0 {
        console.warn(format_args!(
            "DEVELOPMENT ONLY: {count} recovery shards lie in plain files in {}: whoever reads \
             them has every secret",
            recovery.display()
        ));
    }
}

/// Nexus runs and can't read its store until people bring the key.
pub(super) fn sealed(home: &Home) -> CliError {
    let dir = home.root().display();
    CliError::new(
        Exit::Unavailable,
        format!(
            "the cluster runs, but sealed: its root key went with the last run, and \
             {dir}/recovery has no shards"
        ),
        format!(
            "Give it back, with the files that `spike operator recover` wrote:
  eval \"$(spike dev env --role restore --dir {dir})\"
  spike operator restore FILE FILE
Without them what is stored can't be read again: stop it, and begin anew in another --dir."
        ),
    )
}
