//! Whether the store answers: asked every second, so that a probe never has to.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use spike_store::{Health, Store, StoreError};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::keys::Reason;

/// How often the store is asked.
const EVERY: Duration = Duration::from_secs(1);

/// How long it may take: longer than a commit behind a busy disk, shorter than anyone's patience.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the store said last.
#[derive(Debug)]
pub(crate) struct Pulse(ArcSwap<Result<Health, String>>);

impl Default for Pulse {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(Err("the store was not asked yet".to_owned())))
    }
}

impl Pulse {
    /// Asks the store once.
    pub(crate) async fn feel(&self, store: &dyn Store) {
        let said = match timeout(PATIENCE, store.health()).await {
            Ok(said) => said.map_err(|error| explained(&error)),
            Err(_) => Err(format!("the store didn't answer within {PATIENCE:?}")),
        };
        let before = self.0.swap(Arc::new(said));
        match (before.as_ref(), self.0.load().as_ref()) {
            (Ok(_), Err(why)) => tracing::error!("{why}"),
            (Err(_), Ok(health)) => tracing::info!(kind = health.kind, "the store answers"),
            _ => {}
        }
    }

    /// Asks the store until `stop`.
    pub(crate) async fn run(&self, store: &dyn Store, stop: CancellationToken) {
        let mut beat = interval(EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(beat.tick()).await.is_some() {
            self.feel(store).await;
        }
    }

    /// What the store said last.
    pub(crate) fn latest(&self) -> Arc<Result<Health, String>> {
        self.0.load_full()
    }

    /// Why the store can't be used, if it can't.
    pub(crate) fn trouble(&self) -> Option<Reason> {
        let latest = self.latest();
        let why = latest.as_ref().as_ref().err()?;
        Some(Reason { code: "store_unavailable", message: why.clone() })
    }
}

/// For people who may see neither a host nor a credential: which kind of failure it is.
fn explained(error: &StoreError) -> String {
    tracing::debug!("store health: {error}");
    match error {
        StoreError::Unavailable { .. } => "the store can't be reached or takes no writes".into(),
        other => other.to_string(),
    }
}
