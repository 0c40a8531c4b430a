//! Keeps the shards in recovery/ those that Nexus takes: whoever has a new set made, or another number
//! of them, must not disarm the next start.

use std::time::Duration;

use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};

use super::{
    cluster::{Client, Cluster},
    console::Console,
    shards,
};
use crate::error::CliError;

/// How often Nexus is asked which set it takes: sooner than anyone cuts the power after making one.
const EVERY: Duration = Duration::from_secs(1);

/// How long the last look may take. A stop waits for it.
const LAST: Duration = Duration::from_secs(3);

/// What is known of the shards in recovery/.
#[derive(Default)]
pub(super) struct Custody(Mutex<State>);

#[derive(Default)]
struct State {
    /// The number of their set, once it is known.
    saved: Option<u32>,
    /// A later set couldn't be saved, and that was told.
    told: bool,
    /// Sees the status.
    eyes: Option<Client>,
}

impl Custody {
    /// The set in recovery/ has this number.
    pub(super) async fn saved(&self, set: u32) {
        self.0.lock().await.saved = Some(set);
    }

    /// Looks again and again.
    pub(super) async fn keep(&self, cluster: &Cluster, console: Console) {
        loop {
            self.look(cluster, console).await;
            sleep(EVERY).await;
        }
    }

    /// Looks once more, before the programs are told to stop.
    pub(super) async fn end(&self, cluster: &Cluster, console: Console) {
        // What comes too late was told of while it could be mended.
        let _ = timeout(LAST, self.look(cluster, console)).await;
    }

    async fn look(&self, cluster: &Cluster, console: Console) {
        let mut state = self.0.lock().await;
        // Nexus may be on its way up or down: then there is nothing to see.
        let Some(present) = state.present(cluster).await else { return };
        match state.saved {
            Some(saved) if saved != present => match save(cluster).await {
                Ok(set) => {
                    console
                        .note(format_args!("recovery/ has the recovery shards of set {set} now"));
                    (state.saved, state.told) = (Some(set), false);
                }
                Err(error) if !state.told => {
                    console.warn(format_args!(
                        "recovery/ has the shards of set {saved}, which Nexus takes no more: {error}"
                    ));
                    state.told = true;
                }
                Err(_) => {}
            },
            Some(_) => {}
            // They have just brought the root key back.
            None => state.saved = Some(present),
        }
    }
}

impl State {
    /// The number of the set that Nexus takes.
    async fn present(&mut self, cluster: &Cluster) -> Option<u32> {
        if self.eyes.is_none() {
            self.eyes = cluster.client("superuser").await.ok();
        }
        let status = self.eyes.as_ref()?.nexus.status().await.ok()?;
        Some(status.keys?.escrow?.set)
    }
}

/// Has recovery/ hold the set that Nexus takes; its number.
async fn save(cluster: &Cluster) -> Result<u32, CliError> {
    let nexus = cluster.client("recover").await?.nexus;
    Ok(shards::save(&nexus, &cluster.home.recovery()).await?.number)
}
