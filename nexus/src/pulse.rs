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

/// The code of a store that doesn't answer as it should.
pub(crate) const UNAVAILABLE: &str = "store_unavailable";

/// What the store says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Beat {
    /// Its kind and versions.
    pub(crate) health: Health,
    /// Its policy counter. Nobody has verified it: it is for people and decides nothing.
    pub(crate) policies: u64,
}

/// What the store said last, or what kind of failure kept it from saying anything.
#[derive(Debug)]
pub(crate) struct Pulse(ArcSwap<Result<Beat, String>>);

impl Default for Pulse {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(Err("it was not asked yet".to_owned())))
    }
}

impl Pulse {
    /// Asks the store once. Logs what is new.
    pub(crate) async fn feel(&self, store: &dyn Store) {
        let (said, detail) = match timeout(PATIENCE, ask(store)).await {
            Ok(Ok(beat)) => (Ok(beat), String::new()),
            Ok(Err(error)) => (Err(error.class().into_owned()), error.to_string()),
            Err(_) => {
                let why = format!("it didn't answer within {PATIENCE:?}");
                (Err(why.clone()), format!("the store is unavailable: {why}"))
            }
        };
        let before = self.0.swap(Arc::new(said));
        match (before.as_ref(), self.0.load().as_ref()) {
            (Err(before), Err(now)) if before == now => {
                tracing::debug!("store health: {detail}");
            }
            (_, Err(_)) => tracing::error!("{detail}"),
            (Err(_), Ok(beat)) => tracing::info!(kind = beat.health.kind, "the store answers"),
            (Ok(_), Ok(_)) => {}
        }
    }

    /// Notes that the store could not be asked.
    pub(crate) fn missed(&self, error: &StoreError) {
        self.0.store(Arc::new(Err(error.class().into_owned())));
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

    /// That the store can't be used, if it can't.
    pub(crate) fn trouble(&self) -> Option<Reason> {
        let latest = self.latest();
        let why = latest.as_ref().as_ref().err()?;
        Some(Reason::new(UNAVAILABLE, why.clone()))
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
