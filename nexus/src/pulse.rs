//! Whether the store answers and what it counts: asked every second, so that a probe never has to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

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

/// How many answers in a row are missed until that is an error: a busy disk makes us wait for one.
const SERIOUS: u32 = 3;

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
pub(crate) struct Pulse {
    said: ArcSwap<Result<Beat, String>>,
    /// Answers that were missed since.
    missed: AtomicU32,
}

impl Default for Pulse {
    fn default() -> Self {
        let said = ArcSwap::from_pointee(Err("it was not asked yet".to_owned()));
        Self { said, missed: AtomicU32::default() }
    }
}

/// How loudly a missed answer is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    /// Nothing that wasn't said.
    Known,
    /// It may pass.
    Warning,
    /// It lasts.
    Error,
}

/// The tone of the answer that was missed as the `nth` in a row.
fn tone(nth: u32, new: bool) -> Tone {
    match nth {
        SERIOUS => Tone::Error,
        _ if !new => Tone::Known,
        1..SERIOUS => Tone::Warning,
        _ => Tone::Error,
    }
}

impl Pulse {
    /// Asks the store once. Logs what is new.
    pub(crate) async fn feel(&self, store: &dyn Store) {
        let (said, detail) = match timeout(PATIENCE, ask(store)).await {
            Ok(Ok(beat)) => (Ok(beat), String::new()),
            // A probe writes as well, and has the same patience.
            Err(_) | Ok(Err(StoreError::Ambiguous { source: None })) => {
                let why = format!("it didn't answer a probe within {PATIENCE:?}");
                (Err(why.clone()), format!("the store is unavailable: {why}"))
            }
            Ok(Err(error)) => (Err(error.class().into_owned()), error.to_string()),
        };
        let before = self.said.swap(Arc::new(said));
        let now = self.said.load();
        let beat = match now.as_ref() {
            Ok(beat) => beat,
            Err(why) => {
                let nth = self.missed.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                let new = before.as_ref().as_ref().err() != Some(why);
                let kind = before.as_ref().as_ref().ok().map(|beat| beat.health.kind);
                match tone(nth, new) {
                    Tone::Known => tracing::debug!(nth, "{detail}"),
                    Tone::Warning => tracing::warn!(kind, nth, "{detail}"),
                    Tone::Error => tracing::error!(nth, "{detail}"),
                }
                return;
            }
        };
        self.missed.store(0, Ordering::Relaxed);
        if before.is_err() {
            tracing::info!(kind = beat.health.kind, "the store answers");
        }
    }

    /// Notes that the store could not be asked.
    pub(crate) fn missed(&self, error: &StoreError) {
        self.said.store(Arc::new(Err(error.class().into_owned())));
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
        self.said.load_full()
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

    #[test]
    fn one_missed_answer_is_a_warning_and_three_in_a_row_an_error() {
        let tones: Vec<_> = (1..=5).map(|nth| tone(nth, nth == 1)).collect();
        assert_eq!(tones, [Tone::Warning, Tone::Known, Tone::Error, Tone::Known, Tone::Known]);
        assert_eq!(tone(2, true), Tone::Warning, "for another reason");
        assert_eq!(tone(9, true), Tone::Error, "for another reason");
    }

    #[tokio::test]
    async fn an_answer_ends_the_row() {
        let (store, pulse) = (MemoryStore::new(), Pulse::default());
        pulse.missed.store(2, Ordering::Relaxed);
        pulse.feel(&store).await;
        assert_eq!(pulse.missed.load(Ordering::Relaxed), 0);
        assert!(pulse.trouble().is_none());
    }

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
