//! What each cluster looked like last, for as long as nobody says that something changed there.
//!
//! Watches say so of every object of ours, so a look that found nothing to do needn't be repeated: only
//! Nexus is asked again. What is remembered can decide that there is nothing to do, and nothing else;
//! before every step the world is looked at anew.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{names::Names, observe::Live, plan::Observed};

/// How long a look is believed at most. Kinds that may not be installed aren't watched, and a watch may
/// be silent because its connection is.
const BELIEVED: Duration = Duration::from_mins(5);

/// A look that found nothing to do.
#[derive(Debug)]
pub(crate) struct Look {
    /// What was asked for when it was taken.
    pub(crate) of: Asked,
    /// What was read, without the objects themselves.
    pub(crate) live: Live,
    /// What that came to.
    pub(crate) observed: Observed,
}

/// Which `SpikeCluster`, and what it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Its uid.
    pub(crate) uid: Option<String>,
    /// The generation of its spec.
    pub(crate) generation: Option<i64>,
    /// The cluster id in its status.
    pub(crate) cluster_id: Option<String>,
    /// Its annotation [`crate::names::annotation::RETRY`].
    pub(crate) retry: Option<String>,
}

#[derive(Debug, Default)]
struct Entry {
    changes: u64,
    last: Option<(Arc<Look>, Instant)>,
}

/// Until when a look that is taken now is believed. `random` in 0..1 makes that shorter, so that clusters
/// that were looked at together aren't again.
pub(crate) fn believed_until(now: Instant, random: f64) -> Instant {
    now + BELIEVED.mul_f64(1.0 - random / 2.0)
}

/// The last look at each cluster.
#[derive(Debug, Default)]
pub(crate) struct Looks(Mutex<HashMap<Names, Entry>>);

/// What had changed in a cluster when somebody began to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u64);

impl Looks {
    /// Something of a cluster changed. Of one that nobody looks at, as it is gone, nothing is remembered.
    pub(crate) fn changed(&self, names: &Names) {
        if let Some(entry) = self.entries().get_mut(names) {
            entry.changes += 1;
            entry.last = None;
        }
    }

    /// To be taken before a look.
    pub(crate) fn mark(&self, names: &Names) -> Mark {
        Mark(self.entries().entry(names.clone()).or_default().changes)
    }

    /// Remembers a look, unless something changed meanwhile.
    pub(crate) fn keep(&self, names: &Names, mark: Mark, look: Look, until: Instant) {
        if let Some(entry) = self.entries().get_mut(names)
            && entry.changes == mark.0
        {
            entry.last = Some((Arc::new(look), until));
        }
    }

    /// The last look, if it still holds.
    pub(crate) fn recall(&self, names: &Names, asked: &Asked, now: Instant) -> Option<Arc<Look>> {
        let entries = self.entries();
        let (look, until) = entries.get(names)?.last.as_ref()?;
        (now < *until && look.of == *asked).then(|| Arc::clone(look))
    }

    /// The cluster is gone.
    pub(crate) fn forget(&self, names: &Names) {
        self.entries().remove(names);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Names, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::healthy;

    fn names() -> Names {
        Names { namespace: "team".to_owned(), cluster: "demo".to_owned() }
    }

    fn asked(generation: i64) -> Asked {
        Asked { uid: None, generation: Some(generation), cluster_id: None, retry: None }
    }

    fn look() -> Look {
        Look { of: asked(1), live: Live::default(), observed: healthy() }
    }

    /// Whether a look is remembered, for a spec of this generation.
    fn holds(looks: &Looks, generation: i64, now: Instant) -> bool {
        looks.recall(&names(), &asked(generation), now).is_some()
    }

    #[test]
    fn a_look_is_believed_for_a_while_and_of_the_spec_that_it_was_of() {
        let (looks, now) = (Looks::default(), Instant::now());
        looks.keep(&names(), looks.mark(&names()), look(), believed_until(now, 0.0));
        assert!(holds(&looks, 1, now) && !holds(&looks, 2, now), "of another spec");
        assert!(!holds(&looks, 1, now + BELIEVED), "too old");
    }

    #[test]
    fn a_change_ends_a_look_even_while_it_is_taken() {
        let (looks, now) = (Looks::default(), Instant::now());
        let until = believed_until(now, 0.0);
        looks.keep(&names(), looks.mark(&names()), look(), until);
        looks.changed(&names());
        assert!(!holds(&looks, 1, now));
        let mark = looks.mark(&names());
        looks.changed(&names());
        looks.keep(&names(), mark, look(), until);
        assert!(!holds(&looks, 1, now), "it may have missed that change");
        looks.keep(&names(), looks.mark(&names()), look(), until);
        assert!(holds(&looks, 1, now));
    }

    #[test]
    fn what_changes_of_a_cluster_that_is_gone_is_not_remembered() {
        let (looks, now) = (Looks::default(), Instant::now());
        let mark = looks.mark(&names());
        looks.forget(&names());
        looks.changed(&names());
        looks.keep(&names(), mark, look(), believed_until(now, 0.0));
        assert!(looks.entries().is_empty());
    }

    #[test]
    fn clusters_that_were_looked_at_together_are_not_again() {
        let now = Instant::now();
        assert!(believed_until(now, 0.9) < now + BELIEVED.mul_f64(0.6));
    }
}
