//! What is there when a load is over, held against everything its clients were told.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use spike_client::{ClientError, NexusClient};
use spike_core::{SecretPath, Version};

use crate::{
    history::{History, Op, Outcome, Record},
    linear::{Act, Event, Versions, linearizable},
    load::{Load, body},
};

/// How many bodies are read at once.
const READERS: usize = 16;

/// One path as it was found.
#[derive(Clone, Debug, Default)]
struct Kept {
    versions: Versions,
    /// By version, from 1 on.
    bodies: Vec<u64>,
}

/// Every path of a load, read when nobody writes any more.
#[derive(Clone, Debug)]
pub struct Aftermath(Vec<Kept>);

impl Aftermath {
    /// Reads every version of every path. Deleted versions are brought back for it.
    ///
    /// # Errors
    ///
    /// If a version has no body, or if numbers are missing between versions.
    pub async fn read(nexus: &NexusClient, load: &Load) -> anyhow::Result<Self> {
        let mut kept = Vec::new();
        for key in 0..load.keys {
            let path = load.path(key);
            kept.push(read(nexus, &path).await.with_context(|| format!("read {path}"))?);
        }
        Ok(Self(kept))
    }

    /// How many versions there are.
    pub fn versions(&self) -> usize {
        self.0.iter().map(|kept| kept.bodies.len()).sum()
    }

    /// Every promise that was broken, in words.
    pub fn broken(&self, history: &History) -> Vec<String> {
        let mut broken: Vec<_> =
            history.wrong().iter().map(|record| format!("no retry heals {record:?}")).collect();
        for (key, kept) in self.0.iter().enumerate() {
            let records: Vec<_> = history.0.iter().filter(|record| record.key == key).collect();
            broken.extend(kept.broken(&records).into_iter().map(|what| format!("{key}: {what}")));
        }
        broken
    }
}

async fn read(nexus: &NexusClient, path: &SecretPath) -> anyhow::Result<Kept> {
    let mut hidden = None;
    let found = match nexus.secret_metadata(path, None).await {
        // A path of which every version is deleted shows nothing: bring the highest back.
        Err(ClientError::NotFound) => match nexus.undelete_secret(path, &[]).await {
            Err(ClientError::NotFound) => return Ok(Kept::default()),
            undeleted => {
                undeleted?;
                let found = nexus.secret_metadata(path, None).await?;
                hidden = u32::try_from(found.metadata.current_version).ok();
                found
            }
        },
        found => found?,
    };
    let numbers: Vec<_> = found.versions.keys().copied().collect();
    let count = u32::try_from(numbers.len())?;
    anyhow::ensure!(numbers.iter().copied().eq(1..=i64::from(count)), "a gap in {numbers:?}");
    let deleted = found.versions.iter().filter(|(_, info)| info.deleted_time.is_some());
    let deleted: Result<BTreeSet<_>, _> = deleted.map(|(n, _)| u32::try_from(*n)).collect();
    let mut deleted = deleted?;
    if !deleted.is_empty() {
        let all: Vec<_> = deleted.iter().map(|version| Version::new((*version).into())).collect();
        nexus.undelete_secret(path, &all).await?;
    }
    deleted.extend(hidden);
    let bodies = stream::iter(1..=count).map(|version| body(nexus, path, Some(version)));
    let bodies = bodies.buffered(READERS).try_collect().await?;
    Ok(Kept { versions: Versions { count, deleted }, bodies })
}

impl Kept {
    fn broken(&self, records: &[&Record]) -> Vec<String> {
        let mut broken = Vec::new();
        let mut numbers: BTreeMap<u64, u32> = BTreeMap::new();
        let once = records.iter().all(|record| record.tries == 1);
        for (version, body) in (1..).zip(&self.bodies) {
            let before = numbers.insert(*body, version);
            if let (Some(before), true) = (before, once) {
                broken.push(format!("one put became versions {before} and {version}"));
            }
        }
        let puts = records.iter().filter_map(|record| match record.op {
            Op::Put(body) => Some((body, *record)),
            _ => None,
        });
        let puts: BTreeMap<_, _> = puts.collect();
        for body in numbers.keys().filter(|body| !puts.contains_key(body)) {
            broken.push(format!("nobody put {body}"));
        }
        let lost = |(body, record): &(&u64, &&Record)| {
            record.outcome == Outcome::Done && !numbers.contains_key(body)
        };
        for (_, record) in puts.iter().filter(lost) {
            broken.push(format!("an acknowledged write is lost: {record:?}"));
        }
        // A repeated put has several versions, of which the history knows one.
        if once && broken.is_empty() && !linearizable(self.events(records, &numbers)) {
            broken.push("no one secret could have given these answers".to_owned());
        }
        broken
    }

    /// The history in the words of the search, with what there was at the end.
    fn events(&self, records: &[&Record], numbers: &BTreeMap<u64, u32>) -> Vec<Event> {
        let events = records.iter().filter_map(|record| {
            let ended = record.is_answered().then_some(record.ended);
            Some(Event { began: record.began, ended, act: act(record, numbers)? })
        });
        let mut events: Vec<_> = events.collect();
        let end =
            Duration::from_nanos(1) + records.iter().map(|r| r.ended).max().unwrap_or_default();
        events.push(Event { began: end, ended: Some(end), act: Act::All(self.versions.clone()) });
        events
    }
}

/// What a request was; `None` if it certainly never happened or changed nothing.
fn act(record: &Record, numbers: &BTreeMap<u64, u32>) -> Option<Act> {
    let found = record.outcome != Outcome::Missing;
    match (record.op, &record.outcome) {
        (Op::Put(body), _) => numbers.get(&body).copied().map(Act::Put),
        // A body that nobody put is version 0, which there never is.
        (Op::Get, Outcome::Body(body)) => {
            Some(Act::Get(Some(numbers.get(body).copied().unwrap_or_default())))
        }
        (Op::Get, Outcome::Missing) => Some(Act::Get(None)),
        (Op::Get, _) => None,
        (Op::Delete(which), _) => Some(Act::Delete(which, found)),
        (Op::Undelete(which), _) => Some(Act::Undelete(which, found)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Failure;

    fn record(began: u64, op: Op, outcome: Outcome) -> Record {
        let at = Duration::from_secs;
        Record { key: 0, op, began: at(began), ended: at(began + 1), outcome, tries: 1 }
    }

    fn kept(bodies: &[u64]) -> Aftermath {
        let count = u32::try_from(bodies.len()).unwrap();
        let versions = Versions { count, deleted: BTreeSet::new() };
        Aftermath(vec![Kept { versions, bodies: bodies.to_vec() }])
    }

    fn unknown() -> Outcome {
        Outcome::Failed(Failure::Unreachable)
    }

    #[test]
    fn kept_promises_are_not_complained_of() {
        let history = History(vec![
            record(1, Op::Put(7), Outcome::Done),
            record(3, Op::Put(8), unknown()),
            record(5, Op::Get, Outcome::Body(8)),
            record(7, Op::Put(9), unknown()),
            record(9, Op::Get, Outcome::Body(8)),
        ]);
        assert_eq!(kept(&[7, 8]).broken(&history), Vec::<String>::new());
    }

    #[test]
    fn each_broken_promise_is_told() {
        let put = |body| record(2 * body, Op::Put(body), Outcome::Done);
        let wrong = Outcome::Failed(Failure::Wrong("500".to_owned()));
        for (bodies, records, told) in [
            (&[7][..], vec![put(7), put(8)], "an acknowledged write is lost"),
            (&[7, 6], vec![put(7)], "nobody put 6"),
            (&[7, 7], vec![put(7)], "one put became versions 1 and 2"),
            (&[8, 7], vec![put(7), put(8)], "no one secret could have given"),
            (&[7], vec![put(7), record(20, Op::Get, wrong)], "no retry heals"),
            (&[7], vec![put(7), record(20, Op::Get, Outcome::Missing)], "no one secret"),
            (&[7], vec![put(7), record(20, Op::Get, Outcome::Body(6))], "no one secret"),
        ] {
            let broken = kept(bodies).broken(&History(records));
            assert!(broken.len() == 1 && broken[0].contains(told), "{told}: {broken:?}");
        }
    }
}
