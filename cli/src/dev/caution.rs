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
    let count = shards::plain(&recovery).unwrap_or_default();
    if count > 0 {
        console.warn(format_args!(
            "DEVELOPMENT ONLY: {count} recovery shards lie in plain files in {}: whoever reads \
             them has every secret",
            recovery.display()
        ));
    } else if !shards::encrypted(&recovery).unwrap_or_default().is_empty() {
        console.note(format_args!(
            "{} has a recovery shard for each custodian: after a stop they bring the root key back",
            recovery.display()
        ));
    }
}

/// Warns if the manifest names other custodians than the ring, which are `present`: it can only
/// propose them.
pub(super) fn custodians(plan: &Plan, present: &[&str], console: Console) {
    let wanted = plan.cluster.recipients.iter().map(|name| name.to_ascii_lowercase());
    if wanted.ne(present.iter().copied().map(str::to_owned)) {
        console.warn(
            "spec.recovery.age.recipients are not the custodians of the recovery shards; to make \
             them so, as the role recover:",
        );
        console.note("  spike operator recover --new-set --recipient KEY --recipient KEY …");
    }
}

/// Nexus runs and can't read its store until people bring the key.
pub(super) fn sealed(home: &Home) -> CliError {
    let dir = home.root().display();
    let encrypted = shards::encrypted(&home.recovery()).unwrap_or_default();
    let (lack, restore) = if encrypted.is_empty() {
        let lack = format!("{dir}/recovery has no shards that restore it");
        (lack, "spike operator restore FILE FILE".to_owned())
    } else {
        let files: Vec<_> = encrypted.iter().map(|path| path.display().to_string()).collect();
        let restore =
            format!("spike operator restore --identity KEY --identity KEY {dir}/recovery/…");
        (format!("only their custodians can read the shards in {}", files.join(", ")), restore)
    };
    CliError::new(
        Exit::Unavailable,
        format!("the cluster runs, but sealed: its root key went with the last run, and {lack}"),
        format!(
            "Give it back, with the files that `spike operator recover` wrote:
  eval \"$(spike dev env --role restore --dir {dir})\"
  {restore}
Without them what is stored can't be read again: stop it, and begin anew in another --dir."
        ),
    )
}
