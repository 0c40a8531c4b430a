//! Writing secrets: decide the new head, announce it, commit it exactly once.

use std::time::Duration;

use bytes::Bytes;
use rand::RngExt;
use spike_core::{
    Head, Incarnation, SecretPath, Version,
    head::{Change, NewVersion, Selection},
    policy::Permission,
};
use spike_seal::{HashPurpose, RecordAt, RingKeys};
use spike_store::{Batch, Commit, Found, HeadRow, Sealed, Select, StoreError, WriteKey};
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::{OnePath, Sent, believe};
use crate::app::{
    App,
    audited::Trail,
    caller::Caller,
    error::{Error, Result},
    settle::{OnlyEpochs, Standing, pause},
    verdict::Ask,
};

/// After so many lost races the caller is asked to come back. Within one process writers of a path
/// take turns, so each lost race is another replica's win.
const RACES: u32 = 16;

/// The first and the longest pause before a write is sent again whose answer was lost.
const UNSURE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// A write as the caller asked for it.
pub(crate) enum Write {
    /// A new version with this plaintext.
    Put(Zeroizing<Vec<u8>>),
    /// Marks versions as deleted; none or 0 is the current one.
    Delete(Vec<i64>),
    /// Brings versions back; none or 0 is the highest deleted one if nothing is current.
    Undelete(Vec<i64>),
}

/// A decided write: the head to come and what goes with it.
struct Plan {
    change: Change,
    put: Option<(Version, Sealed)>,
}

/// What became of a batch.
enum Delivery {
    /// It happened, once.
    Done,
    /// Another writer was first; this is the head now.
    Lost(Option<HeadRow>),
    /// Policies or keys moved, and the decision was made again.
    Moved,
}

/// A decision and the path as it was found with it.
type Settled = (Standing, Found);

impl Write {
    /// A key of this request's own: however often it is sent, it happens once.
    fn key(&self, keys: &RingKeys, caller: &Caller, path: &SecretPath) -> WriteKey {
        let id = caller.id.as_str().as_bytes();
        let path = path.as_str().as_bytes();
        let nonce: [u8; 16] = rand::rng().random();
        let versions;
        let (op, request): (&[u8], &[u8]) = match self {
            Self::Put(plaintext) => (b"put", plaintext),
            Self::Delete(numbers) => {
                versions = bytes_of(numbers);
                (b"delete", &versions)
            }
            Self::Undelete(numbers) => {
                versions = bytes_of(numbers);
                (b"undelete", &versions)
            }
        };
        WriteKey {
            scope: keys.keyed_hash(HashPurpose::WriteScope, &[id, op, path, &nonce]),
            digest: keys.keyed_hash(HashPurpose::WriteDigest, &[op, path, request]),
        }
    }

    /// Decides what becomes of the path; `None` if it stays as it is.
    fn plan(
        &self,
        keys: &RingKeys,
        path: &SecretPath,
        before: Option<&Head>,
        max_versions: u32,
        caller: &Caller,
    ) -> Result<Option<Plan>> {
        let alive = before.filter(|head| !head.is_tombstone());
        let found = alive.ok_or(Error::NotFound);
        match self {
            Self::Put(plaintext) => {
                let fresh = Incarnation(rand::rng().random());
                let new = NewVersion::of(path, before, fresh, max_versions, caller.at);
                put(keys, path, new, plaintext).map(Some)
            }
            Self::Delete(numbers) => {
                let head = found?;
                let change = head.delete(&selection(numbers, head.current()), caller.at);
                Ok(change.map(|change| Plan { change, put: None }))
            }
            Self::Undelete(numbers) => {
                let head = found?;
                let change = head.undelete(&selection(numbers, head.current()), caller.at);
                let change = change.map_err(|_| Error::NotFound)?;
                Ok(Some(Plan { change, put: None }))
            }
        }
    }
}

fn bytes_of(numbers: &[i64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// Seals a new version.
fn put(keys: &RingKeys, path: &SecretPath, new: NewVersion, plaintext: &[u8]) -> Result<Plan> {
    let at = RecordAt { path, incarnation: new.incarnation(), version: new.number() };
    let sealed = keys.seal_record(&mut rand::rng(), at, plaintext);
    let sealed = sealed.map_err(|error| Error::Internal(error.to_string()))?;
    let put = Some((new.number(), Sealed(Bytes::from(sealed.bytes))));
    Ok(Plan { change: new.sealed(sealed.tag), put })
}

/// The versions that SPIKE's numbers mean: 0 is the current one, negative ones never exist.
fn selection(numbers: &[i64], current: Option<Version>) -> Selection {
    if numbers.iter().all(|&number| number == 0) {
        return Selection::Current;
    }
    let number = |&number: &i64| match u64::try_from(number).ok().map(Version::new) {
        Some(None) => current,
        Some(version) => version,
        None => None,
    };
    Selection::Numbers(numbers.iter().filter_map(number).collect())
}

impl Plan {
    fn batch(self, keys: &RingKeys, key: WriteKey) -> Batch {
        let Self { change: Change { expect, head, drops }, put } = self;
        let sealed = keys.seal_head(&head);
        let row = HeadRow {
            revision: head.revision,
            current: head.current(),
            bytes: sealed.bytes.into(),
            key: sealed.key,
            mac: sealed.mac,
        };
        let puts = put.into_iter().collect();
        let commit = Commit { path: head.path, expect, head: row, puts, drops };
        Batch { commits: vec![commit], key: Some(key) }
    }
}

impl App {
    /// Writes, exactly once, or says why not. `op` is the operation's name in the audit; a `write`
    /// that can't be is refused only after the caller was found to be allowed.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is nothing to delete or to bring back.
    pub(crate) async fn write_secret(
        &self,
        caller: &Caller,
        op: &'static str,
        path: Sent,
        write: Result<Write>,
    ) -> Result<()> {
        let mut trail = Trail::new(caller, op);
        let result = self.write(&mut trail, caller, path, write).await;
        self.settled(trail, result).await
    }

    async fn write(
        &self,
        trail: &mut Trail<'_>,
        caller: &Caller,
        path: Sent,
        write: Result<Write>,
    ) -> Result<()> {
        let path = self.path(trail, caller, path).await?;
        let ask = Ask::secret(&path, Permission::Write);
        let lookup = OnePath::new(&path, Select::Head);
        // Whoever may not write doesn't keep those waiting who may.
        self.settle(caller, &ask, &OnlyEpochs).await?;
        let lane = self.lanes.enter(&path, caller.deadline()).await;
        let _lane = lane.ok_or(Error::Crowded)?;
        let mut settled = self.settle(caller, &ask, &lookup).await?;
        trail.allowed(&settled.0.verdict);
        let write = write?;
        let key = write.key(&settled.0.known.unsealed.keys, caller, &path);

        for round in 0..RACES {
            pause(round).await;
            let keys = &settled.0.known.unsealed.keys;
            let before = settled.1.head.as_ref().map(|row| believe(keys, &path, row));
            let before = before.transpose()?;
            let most = self.bounds.max_versions;
            let Some(plan) = write.plan(keys, &path, before.as_ref(), most, caller)? else {
                return Ok(());
            };
            trail.at(plan.put.as_ref().map(|(version, _)| *version), plan.change.head.revision);
            let batch = plan.batch(keys, key);
            self.announce(trail).await?;
            match self.deliver(caller, &ask, &lookup, &mut settled, batch).await? {
                Delivery::Done => return Ok(()),
                Delivery::Lost(head) => settled.1.head = head,
                Delivery::Moved => trail.allowed(&settled.0.verdict),
            }
        }
        Err(Error::Contended(RACES))
    }

    /// Commits a batch, and again under the same key while it isn't known whether it happened.
    async fn deliver(
        &self,
        caller: &Caller,
        ask: &Ask<'_>,
        lookup: &OnePath,
        settled: &mut Settled,
        batch: Batch,
    ) -> Result<Delivery> {
        let (mut wait, longest) = UNSURE;
        let mut unsure: Option<StoreError> = None;
        loop {
            let call = settled.0.guarded(caller);
            match self.store.commit(&call, batch.clone()).await {
                Ok(_) => return Ok(Delivery::Done),
                // The key was looked for first: this batch did not happen.
                Err(StoreError::Conflict { head, .. }) => {
                    return Ok(Delivery::Lost(head.map(|row| *row)));
                }
                Err(StoreError::Stale { .. }) => {
                    match (self.settle(caller, ask, lookup).await, unsure.is_some()) {
                        (Ok(again), maybe) => {
                            *settled = again;
                            if !maybe {
                                return Ok(Delivery::Moved);
                            }
                        }
                        // Denied or not, the first try may have happened: only that is the truth.
                        (Err(_), true) => return Err(lost(unsure)),
                        (Err(error), false) => return Err(error),
                    }
                }
                Err(error @ StoreError::Ambiguous { .. }) => unsure = Some(error),
                Err(StoreError::Unavailable { .. }) if unsure.is_some() => {}
                Err(error) => return Err(error.into()),
            }
            if Instant::now() + wait > caller.deadline() {
                return Err(lost(unsure));
            }
            let part = rand::rng().random_range(0.5..1.0);
            sleep(wait.mul_f64(part)).await;
            wait = (wait * 2).min(longest);
        }
    }
}

fn lost(unsure: Option<StoreError>) -> Error {
    Error::Store(unsure.unwrap_or(StoreError::Ambiguous { source: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(list: &[u64]) -> Selection {
        Selection::Numbers(list.iter().filter_map(|&n| Version::new(n)).collect())
    }

    #[test]
    fn zero_and_nothing_mean_the_current_version() {
        let current = Version::new(7);
        for all in [&[][..], &[0], &[0, 0]] {
            assert_eq!(selection(all, current), Selection::Current, "{all:?}");
        }
        assert_eq!(selection(&[2, 0], current), numbers(&[2, 7]));
        assert_eq!(selection(&[2, 0], None), numbers(&[2]));
    }

    #[test]
    fn negative_versions_never_exist() {
        assert_eq!(selection(&[-1], Version::new(7)), numbers(&[]));
        assert_eq!(selection(&[i64::MIN, 3], Version::new(7)), numbers(&[3]));
    }
}
