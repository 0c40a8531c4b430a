//! Whether the store answers and what it counts: asked every second, so that a probe never has to.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use spike_store::{Call, CallerHash, Health, Store, StoreError, TraceId};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::keys::Reason;

/// How often the store is asked.
const EVERY: Duration = Duration::from_secs(1);

/// How long it may take: longer than a commit behind a busy disk, shorter than anyone's patience.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the store says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Beat {
    /// Its kind and versions.
    pub(crate) health: Health,
    /// Its policy counter. Nobody has verified it: it is for people and decides nothing.
    pub(crate) policies: u64,
}

/// What the store said last.
#[derive(Debug)]
pub(crate) struct Pulse(ArcSwap<Result<Beat, String>>);

impl Default for Pulse {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(Err("the store was not asked yet".to_owned())))
    }
}

impl Pulse {
    /// Asks the store once.
    pub(crate) async fn feel(&self, store: &dyn Store) {
        let (said, detail) = match timeout(PATIENCE, ask(store)).await {
            Ok(Ok(beat)) => (Ok(beat), String::new()),
            Ok(Err(error)) => (Err(explained(&error)), error.to_string()),
            Err(_) => {
                let why = format!("the store didn't answer within {PATIENCE:?}");
                (Err(why.clone()), why)
            }
        };
        let before = self.0.swap(Arc::new(said));
        match (before.as_ref(), self.0.load().as_ref()) {
            (Ok(_), Err(_)) => tracing::error!("{detail}"),
            (Err(_), Err(_)) => tracing::debug!("store health: {detail}"),
            (Err(_), Ok(beat)) => tracing::info!(kind = beat.health.kind, "the store answers"),
            (Ok(_), Ok(_)) => {}
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
    pub(crate) fn latest(&self) -> Arc<Result<Beat, String>> {
        self.0.load_full()
    }

    /// Why the store can't be used, if it can't.
    pub(crate) fn trouble(&self) -> Option<Reason> {
        let latest = self.latest();
        let why = latest.as_ref().as_ref().err()?;
        Some(Reason { code: "store_unavailable", message: why.clone() })
    }
}

/// In nobody's name.
fn call() -> Call {
    Call {
        guard: None,
        deadline: Instant::now() + PATIENCE,
        at: Timestamp::now(),
        trace: TraceId::default(),
        caller: CallerHash([0; 32]),
    }
}

async fn ask(store: &dyn Store) -> Result<Beat, StoreError> {
    let health = store.health().await?;
    let policies = store.read(&call(), &[]).await?.epochs.generation.counter;
    Ok(Beat { health, policies })
}

/// For people who may see neither a host nor a credential: which kind of failure it is.
fn explained(error: &StoreError) -> String {
    match error {
        StoreError::Unavailable { .. } => "the store can't be reached or takes no writes".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use spike_core::Revision;
    use spike_store::{Document, DocumentPut, Documents, Kind, memory::MemoryStore};

    use super::*;

    #[tokio::test]
    async fn the_policy_counter_is_known_before_anyone_asked_for_a_policy() {
        let store = MemoryStore::new();
        for counter in 1..=3 {
            let put = DocumentPut {
                kind: Kind::Manifest,
                expect: (counter > 1).then(|| Revision(counter - 1)),
                document: Document {
                    name: "manifest".to_owned(),
                    revision: Revision(counter),
                    tag: [7; 16],
                    bytes: "sealed".into(),
                },
            };
            store.change(&call(), vec![put], Vec::new()).await.expect("changed");
        }
        let pulse = Pulse::default();
        pulse.feel(&store).await;
        assert_eq!(pulse.latest().as_ref().as_ref().map(|beat| beat.policies), Ok(3));
    }
}
