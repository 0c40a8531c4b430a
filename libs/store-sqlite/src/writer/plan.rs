//! Decides a run of batches, one after the other, on what is there: no I/O.
//!
//! Each batch sees what the ones before it will have written. A refused batch leaves no trace, so
//! what is planned can be written without asking again.

use std::collections::BTreeMap;

use spike_core::{SecretPath, Version};
use spike_store::{
    Batch, Call, CallerHash, Committed, HeadRow, Outcome, Result, Sealed, WriteKey,
    decide::{First, Present, Verdict},
};

/// What a run of batches comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) heads: BTreeMap<SecretPath, HeadRow>,
    /// `None` for a record to drop.
    pub(super) records: BTreeMap<(SecretPath, Version), Option<Sealed>>,
    pub(super) keys: Vec<NewKey>,
}

/// A write key to remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewKey {
    pub(super) key: WriteKey,
    pub(super) caller: CallerHash,
    pub(super) at: jiff::Timestamp,
    pub(super) commits: Vec<Committed>,
}

impl Plan {
    /// Adds a batch or says why not: guard, then key, then revisions.
    pub(super) fn add(
        &mut self,
        present: &mut Present,
        call: &Call,
        batch: &Batch,
    ) -> Result<Outcome> {
        match present.decide(call, batch)? {
            Verdict::Write => Ok(self.accept(present, call, batch)),
            Verdict::Replay(commits) => Ok(Outcome { commits, replayed: true }),
        }
    }

    fn accept(&mut self, present: &mut Present, call: &Call, batch: &Batch) -> Outcome {
        let mut commits = Vec::with_capacity(batch.commits.len());
        for commit in &batch.commits {
            let (path, head) = (&commit.path, &commit.head);
            commits.push(Committed { revision: head.revision, current: head.current });
            present.heads.insert(path.clone(), Ok(head.clone()));
            self.heads.insert(path.clone(), head.clone());
            for version in &commit.drops {
                self.records.insert((path.clone(), *version), None);
            }
            for (version, record) in &commit.puts {
                self.records.insert((path.clone(), *version), Some(record.clone()));
            }
        }
        if let Some(key) = batch.key {
            let first = First { digest: key.digest, commits: commits.clone() };
            present.keys.insert(key.scope, Ok(first));
            let (caller, at, commits) = (call.caller, call.at, commits.clone());
            self.keys.push(NewKey { key, caller, at, commits });
        }
        Outcome { commits, replayed: false }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use spike_core::Revision;
    use spike_store::{
        Epochs, StoreError,
        conformance::samples::{
            batch, call, epochs, guarded, head, key, keyed, path, record, step, version,
        },
    };

    use super::*;

    fn nothing() -> Present {
        Present { epochs: Epochs::NONE, heads: HashMap::new(), keys: HashMap::new() }
    }

    #[test]
    fn a_batch_sees_what_the_one_before_it_will_have_written() {
        let (mut present, mut plan) = (nothing(), Plan::default());
        plan.add(&mut present, &call(), &batch([step("a", 0)])).unwrap();
        plan.add(&mut present, &call(), &batch([step("a", 1)])).unwrap();
        let lost = plan.add(&mut present, &call(), &batch([step("a", 1)]));
        assert!(matches!(lost, Err(StoreError::Conflict { head: Some(head), .. })
            if head.revision == Revision(2)));
        assert_eq!(plan.heads, [(path("a"), head(2, Some(2)))].into());
        let record = |number: u64| ((path("a"), version(number)), Some(record(number.to_string())));
        assert_eq!(plan.records, [record(1), record(2)].into());
    }

    #[test]
    fn a_refused_batch_leaves_no_trace() {
        let (mut present, mut plan) = (nothing(), Plan::default());
        let half = keyed([step("a", 0), step("b", 1)], key(1));
        assert!(plan.add(&mut present, &call(), &half).is_err());
        let stale = plan.add(&mut present, &guarded(epochs(1, 1, 1)), &batch([step("a", 0)]));
        assert!(matches!(stale, Err(StoreError::Stale { .. })));
        assert_eq!(plan, Plan::default());
        assert!(present.heads.is_empty() && present.keys.is_empty());
    }

    #[test]
    fn a_key_counts_from_the_batch_that_used_it() {
        let (mut present, mut plan) = (nothing(), Plan::default());
        let write = keyed([step("a", 0)], key(1));
        assert!(!plan.add(&mut present, &call(), &write).unwrap().replayed);
        assert!(plan.add(&mut present, &call(), &write).unwrap().replayed);
        assert_eq!(plan.keys.len(), 1);
    }

    #[test]
    fn a_record_dropped_later_in_the_run_is_dropped() {
        let (mut present, mut plan) = (nothing(), Plan::default());
        plan.add(&mut present, &call(), &batch([step("a", 0)])).unwrap();
        let mut prune = step("a", 1);
        prune.drops = vec![version(1)];
        plan.add(&mut present, &call(), &batch([prune])).unwrap();
        assert_eq!(plan.records[&(path("a"), version(1))], None);
        assert_eq!(plan.records[&(path("a"), version(2))], Some(record("2")));
    }

    #[test]
    fn a_damaged_row_stops_only_those_who_touch_it() {
        let (mut present, mut plan) = (nothing(), Plan::default());
        present.heads.insert(path("a"), Err(StoreError::Corrupt("column mac".into())));
        present.keys.insert(key(1).scope, Err(StoreError::Corrupt("column digest".into())));
        for damaged in [batch([step("a", 0)]), keyed([step("b", 0)], key(1))] {
            let refused = plan.add(&mut present, &call(), &damaged);
            assert!(matches!(refused, Err(StoreError::Corrupt(_))));
        }
        plan.add(&mut present, &call(), &keyed([step("b", 0)], key(2))).unwrap();
    }
}
