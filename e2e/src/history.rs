//! What clients did and what came of it: the evidence that every check of a fault test reads.

use std::{collections::BTreeMap, fmt, time::Duration};

use spike_client::ClientError;

/// What a client asked for, of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A new version with this body; no two puts of a history have the same.
    Put(u64),
    /// The current version.
    Get,
    /// Delete this version, or the current one.
    Delete(Option<u32>),
    /// Bring this version back, or the highest one if all are deleted.
    Undelete(Option<u32>),
}

/// What it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// The current version's body.
    Body(u64),
    /// Nothing is there to read, delete or bring back.
    Missing,
    /// It isn't known what became of it.
    Failed(Failure),
}

/// Why a client knows nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// Nexus said 503 and this.
    NotReady(String),
    /// There was no connection, or it broke.
    Unreachable,
    /// No answer came in time.
    TimedOut,
    /// Anything else: nothing that a retry heals.
    Wrong(String),
}

impl Failure {
    /// Which kind of failure a client's error is.
    pub fn of(error: &ClientError) -> Self {
        match error {
            ClientError::NotReady { reason } => Self::NotReady(reason.clone()),
            ClientError::Unreachable { .. } => Self::Unreachable,
            ClientError::TimedOut { .. } => Self::TimedOut,
            other => Self::Wrong(other.to_string()),
        }
    }

    /// True if the same request may work later.
    pub const fn is_retryable(&self) -> bool {
        !matches!(self, Self::Wrong(_))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReady(code) => write!(f, "503 {code}"),
            Self::Unreachable => f.write_str("no connection"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Wrong(what) => write!(f, "wrong: {what}"),
        }
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Record {
    /// The path, by number.
    pub key: usize,
    /// What was asked.
    pub op: Op,
    /// When, since the load began.
    pub began: Duration,
    /// When the answer was there.
    pub ended: Duration,
    /// What it was.
    pub outcome: Outcome,
    /// How often the request was sent.
    pub tries: u32,
}

impl Record {
    /// True if the client knows what became of it.
    pub const fn is_answered(&self) -> bool {
        !matches!(self.outcome, Outcome::Failed(_))
    }
}

/// All requests of a load.
#[derive(Clone, Debug, Default)]
pub struct History(pub Vec<Record>);

impl History {
    /// The requests that were answered.
    pub fn answered(&self) -> impl Iterator<Item = &Record> {
        self.0.iter().filter(|record| record.is_answered())
    }

    /// How often each kind of failure came.
    pub fn failures(&self) -> BTreeMap<Failure, usize> {
        let mut failures = BTreeMap::new();
        for record in &self.0 {
            if let Outcome::Failed(failure) = &record.outcome {
                *failures.entry(failure.clone()).or_default() += 1;
            }
        }
        failures
    }

    /// The failures that no retry heals. None may ever be.
    pub fn wrong(&self) -> Vec<&Record> {
        let wrong = |record: &&Record| match &record.outcome {
            Outcome::Failed(failure) => !failure.is_retryable(),
            _ => false,
        };
        self.0.iter().filter(wrong).collect()
    }

    /// How many requests were answered from `from` to `to`.
    pub fn goodput(&self, from: Duration, to: Duration) -> u32 {
        let answered = self.answered().filter(|record| (from..to).contains(&record.ended));
        u32::try_from(answered.count()).unwrap_or(u32::MAX)
    }

    /// How long after `healed` the first request was answered that began after it.
    pub fn first_answer(&self, healed: Duration) -> Option<Duration> {
        let later = self.answered().filter(|record| record.began >= healed);
        later.map(|record| record.ended.saturating_sub(healed)).min()
    }

    /// How long after `healed` goodput was back to 80 % of what it was from `calm` to `fault`.
    pub fn recovery(&self, calm: Duration, fault: Duration, healed: Duration) -> Option<Duration> {
        /// Short enough to tell half a second, long enough to count more than luck.
        const WINDOW: Duration = Duration::from_millis(500);
        const STEP: Duration = Duration::from_millis(50);
        let before =
            f64::from(self.goodput(calm, fault)) / fault.saturating_sub(calm).as_secs_f64();
        let wanted = 0.8 * before * WINDOW.as_secs_f64();
        let end = self.0.iter().map(|record| record.ended).max()?;
        let mut from = healed;
        while from + WINDOW <= end {
            if f64::from(self.goodput(from, from + WINDOW)) >= wanted {
                return Some(from.saturating_sub(healed));
            }
            from += STEP;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64, outcome: Outcome) -> Record {
        let ended = Duration::from_millis(millis);
        Record { key: 0, op: Op::Get, began: ended, ended, outcome, tries: 1 }
    }

    #[test]
    fn goodput_is_back_when_a_window_has_four_fifths_of_it() {
        let failed = || Outcome::Failed(Failure::Unreachable);
        let mut records: Vec<_> = (0..100).map(|i| at(i * 10, Outcome::Missing)).collect();
        records.extend((100..300).map(|i| at(i * 10, failed())));
        records.extend((300..400).map(|i| at(i * 10, Outcome::Missing)));
        let history = History(records);
        let second = Duration::from_secs(1);
        assert_eq!(history.goodput(Duration::ZERO, second), 100);
        // The fault is over at 2 s; half of the requests are answered from 2.9 s on.
        let back = history.recovery(Duration::ZERO, second, second * 2);
        assert_eq!(back, Some(Duration::from_millis(900)));
        assert_eq!(history.first_answer(second * 2), Some(second));
        assert_eq!(history.failures().get(&Failure::Unreachable), Some(&200));
        assert!(history.wrong().is_empty());
    }
}
