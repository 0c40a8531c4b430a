//! Whether the answers that clients got from one path are those that one secret could have given,
//! one request at a time.
//!
//! The search is that of J. Wing and C. Gong, *Testing and verifying concurrent objects* (1993), with
//! G. Lowe's memory of what was tried (2017). It knows what a path is (versions, some of them
//! deleted) and nothing of how Nexus keeps one.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

/// What a path is to its clients: versions from 1 on, some of them deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Versions {
    /// How many were put.
    pub count: u32,
    /// Which of them are deleted.
    pub deleted: BTreeSet<u32>,
}

/// A request with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A put that became this version.
    Put(u32),
    /// A get that was given this version's body, or none.
    Get(Option<u32>),
    /// A delete of a version or of the current one; false if there was no path.
    Delete(Option<u32>, bool),
    /// An undelete of a version or of the highest one; false if nothing changed.
    Undelete(Option<u32>, bool),
    /// All there was at the end.
    All(Versions),
}

/// A request in time.
#[derive(Clone, Debug)]
pub struct Event {
    /// When it was sent.
    pub began: Duration,
    /// When its answer came; `None` if none did: it may have happened at any later time, or never.
    pub ended: Option<Duration>,
    /// What it was. Of an answer that never came only the good one is believed to be possible: a
    /// request that found nothing changed nothing.
    pub act: Act,
}

impl Versions {
    /// The version that a get is given.
    fn current(&self) -> Option<u32> {
        (1..=self.count).rev().find(|version| !self.deleted.contains(version))
    }

    /// What the path is after `act`; `None` if it can't be answered like that here.
    fn after(&self, act: &Act) -> Option<Self> {
        let mut next = self.clone();
        let possible = match *act {
            Act::Put(version) => {
                next.count += 1;
                version == next.count
            }
            Act::Get(version) => version == self.current(),
            Act::Delete(which, found) => {
                let chosen = which.or(self.current()).filter(|version| *version <= self.count);
                next.deleted.extend(chosen);
                found == (self.count > 0)
            }
            Act::Undelete(which, changed) => {
                let highest = || self.deleted.last().copied();
                let lost = if self.current().is_none() { highest() } else { None };
                let chosen = which.or(lost);
                changed == chosen.is_some_and(|version| next.deleted.remove(&version))
            }
            Act::All(ref all) => all == self,
        };
        possible.then_some(next)
    }
}

/// A place in the search: what has happened so far, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Place {
    /// All answered requests before this one have happened.
    first: usize,
    /// These later ones have too.
    ahead: BTreeSet<usize>,
    /// These of the unanswered ones have.
    unanswered: BTreeSet<usize>,
    versions: Versions,
}

/// The requests to one path, in the order in which they were sent.
struct Search {
    answered: Vec<(Duration, Duration, Act)>,
    unanswered: Vec<(Duration, Act)>,
}

/// True if one secret could have answered like that.
pub fn linearizable(mut events: Vec<Event>) -> bool {
    events.sort_by_key(|event| event.began);
    let mut search = Search { answered: Vec::new(), unanswered: Vec::new() };
    for Event { began, ended, act } in events {
        match ended {
            Some(ended) => search.answered.push((began, ended, act)),
            None => search.unanswered.push((began, act)),
        }
    }
    search.succeeds()
}

impl Search {
    fn succeeds(&self) -> bool {
        let mut seen = HashSet::new();
        let mut open = vec![Place::default()];
        while let Some(place) = open.pop() {
            if place.first == self.answered.len() {
                return true;
            }
            let fresh = self.next(&place).into_iter().filter(|place| seen.insert(place.clone()));
            open.extend(fresh.collect::<Vec<_>>());
        }
        false
    }

    /// Every place that one more request leads to.
    fn next(&self, place: &Place) -> Vec<Place> {
        let mut places = Vec::new();
        // What began after another's answer came after it.
        let mut bound = Duration::MAX;
        for (at, (began, ended, act)) in self.answered.iter().enumerate().skip(place.first) {
            if *began > bound {
                break;
            }
            if place.ahead.contains(&at) {
                continue;
            }
            bound = bound.min(*ended);
            if let Some(versions) = place.versions.after(act) {
                places.push(place.with(at, versions));
            }
        }
        for (at, (began, act)) in self.unanswered.iter().enumerate() {
            if *began > bound {
                break;
            }
            let possible = place.versions.after(act).filter(|after| *after != place.versions);
            if let Some(versions) = possible.filter(|_| !place.unanswered.contains(&at)) {
                let mut next = Place { versions, ..place.clone() };
                next.unanswered.insert(at);
                places.push(next);
            }
        }
        places
    }
}

impl Place {
    /// The place after the answered request `at` has happened.
    fn with(&self, at: usize, versions: Versions) -> Self {
        let mut next = Self { versions, ..self.clone() };
        next.ahead.insert(at);
        while next.ahead.remove(&next.first) {
            next.first += 1;
        }
        next
    }
}
