//! `nexus bootstrap`: makes the root key, once, and ends.

use anyhow::bail;
use spike_audit::Sink;
use spike_core::Role;
use spike_runtime::process;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    boot::Boot,
    config::{Config, Mode},
    start,
};

/// Bootstraps, or says why not.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    if config.mode == Mode::Memory {
        bail!("memory mode makes a root key at every start: there is nothing to bootstrap");
    }
    process::protect(config.require_mlock)?;
    let stop = process::shutdown()?;
    let background = CancellationToken::new();
    let tracker = TaskTracker::new();
    let sink = own_file(config.audit.clone());
    let roles = [Role::Bootstrap, Role::Nexus];
    let parts = start::parts(&config, &roles, sink, &background, &tracker).await?;
    let boot = Boot::new(parts.inputs(&config))?;

    let work = async {
        start::open_store(&config.store, &parts.awaited, |_| ()).await?;
        boot.bootstrap().await.map_err(anyhow::Error::from)
    };
    let done = stop.run_until_cancelled(work).await;

    background.cancel();
    parts.audit.close().await;
    parts.store.close().await;
    match done {
        Some(result) => result,
        None => bail!("stopped before the end; run it again"),
    }
}

/// A chain has one writer: a Nexus that runs beside this has its own file.
fn own_file(sink: Sink) -> Sink {
    match sink {
        Sink::File { path, sync } => {
            let mut name = path.file_stem().unwrap_or_default().to_owned();
            name.push(".bootstrap");
            if let Some(extension) = path.extension() {
                name.push(".");
                name.push(extension);
            }
            Sink::File { path: path.with_file_name(name), sync }
        }
        Sink::Stdout => Sink::Stdout,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use spike_audit::Sync;

    use super::*;

    #[test]
    fn its_audit_file_lies_beside_that_of_nexus_and_has_the_same_extension() {
        for (nexus, own) in [
            ("/a/audit/nexus-0.jsonl", "/a/audit/nexus-0.bootstrap.jsonl"),
            ("/a.d/audit", "/a.d/audit.bootstrap"),
        ] {
            let sink = own_file(Sink::File { path: nexus.into(), sync: Sync::Group });
            let Sink::File { path, .. } = sink else { panic!("a file stays a file: {sink:?}") };
            assert_eq!(path, Path::new(own));
        }
    }
}
