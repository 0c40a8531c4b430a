//! What was logged of each cluster last: who writes against somebody else, again and again, says so once a
//! minute and not ten times a second. Events count by themselves.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::names::Names;

/// For how long the same sentence is no news.
const SILENCE: Duration = Duration::from_mins(1);

/// The last sentence of each step, and when it was logged.
type Steps = HashMap<&'static str, (String, Instant)>;

/// What was logged of each cluster.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<HashMap<Names, Steps>>);

impl Told {
    /// True if a sentence wasn't the last of its step, or not lately; then it counts as logged.
    pub(crate) fn is_news(
        &self,
        names: &Names,
        step: &'static str,
        sentence: &str,
        now: Instant,
    ) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let steps = all.entry(names.clone()).or_default();
        let known = steps.get(step).is_some_and(|(last, at)| {
            last == sentence && now.saturating_duration_since(*at) < SILENCE
        });
        if !known {
            steps.insert(step, (sentence.to_owned(), now));
        }
        !known
    }

    /// The cluster is gone.
    pub(crate) fn forget(&self, names: &Names) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(cluster: &str) -> Names {
        Names { namespace: "team".to_owned(), cluster: cluster.to_owned() }
    }

    #[test]
    fn what_is_done_again_and_again_is_logged_once_a_minute() {
        let (told, demo, now) = (Told::default(), names("demo"), Instant::now());
        let base = |text, now| told.is_news(&demo, "ApplyBase", text, now);
        assert!(base("put right", now));
        assert!(!base("put right", now + SILENCE / 2));
        assert!(told.is_news(&demo, "ApplyNexus", "wrote it", now), "another step");
        assert!(!base("put right", now + SILENCE / 2), "they take turns");
        assert!(told.is_news(&names("other"), "ApplyBase", "put right", now), "another cluster");
        assert!(base("put right", now + SILENCE));
        assert!(base("made anew", now + SILENCE), "another thing");
    }
}
