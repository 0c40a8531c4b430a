//! Write keys that give way: those of a caller that has too many, and those that are too old.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use spike_store::{Call, CallerHash, Result, WRITE_KEY_LIFE, WRITE_KEYS_PER_CALLER};
use tokio::time::{Instant, timeout_at};

use crate::link::Link;

/// How many keys one job forgets, so that a sweep never holds up the writes behind it for long.
pub(crate) const SWEEP_STEP: u32 = 1_000;

/// After how many keys of a caller its oldest are looked for: finding them reads all it has.
const EVERY: u32 = 100;

/// How many of a caller's keys stay then. Ten Nexus can add so many each before they look again, and
/// their sum is still within the contract's bound.
const STAY: u32 = WRITE_KEYS_PER_CALLER - 10 * EVERY;

/// How many callers are counted before all begin at 0 again; which only delays a look.
const CALLERS: usize = 10_000;

/// Rows that somebody else removes at this moment are left to them.
const TRIM: &str = "
DELETE FROM spike.write_keys WHERE scope IN (
    SELECT k.scope FROM spike.write_keys k
    WHERE k.caller = $1 AND k.turn <= (
        SELECT turn FROM spike.write_keys
        WHERE caller = $1 ORDER BY turn DESC OFFSET $2 LIMIT 1)
    FOR UPDATE SKIP LOCKED)";

const SWEEP: &str = "
DELETE FROM spike.write_keys WHERE scope IN (
    SELECT scope FROM spike.write_keys WHERE at < $1 ORDER BY at LIMIT $2
    FOR UPDATE SKIP LOCKED)";

/// How many keys each caller has used since somebody looked.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<HashMap<CallerHash, u32>>);

impl Tally {
    /// Counts, and returns the callers whose oldest keys are to be looked for now.
    pub(super) fn count(&self, callers: impl Iterator<Item = CallerHash>) -> Vec<CallerHash> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() > CALLERS {
            counts.clear();
        }
        let mut due = Vec::new();
        for caller in callers {
            let count = counts.entry(caller).or_default();
            *count += 1;
            if *count >= EVERY {
                *count = 0;
                due.push(caller);
            }
        }
        due
    }
}

/// Forgets the oldest keys of a caller, if it has too many.
pub(super) async fn trim(link: &Link, deadline: Instant, caller: CallerHash) -> Result<()> {
    let mut lent = link.writer(deadline).await?;
    let query = sqlx::query(TRIM).bind(caller.0.to_vec()).bind(i64::from(STAY));
    let done = timeout_at(deadline, query.execute(&mut *lent)).await;
    lent.committed(done).map(drop)
}

/// Forgets keys that are older than they need to be; how many went.
pub(super) async fn sweep(link: &Link, call: &Call) -> Result<u64> {
    let Some(eldest) = eldest(call.at) else { return Ok(0) };
    let mut lent = link.writer(call.deadline).await?;
    let query = sqlx::query(SWEEP).bind(eldest.as_millisecond()).bind(i64::from(SWEEP_STEP));
    let done = timeout_at(call.deadline, query.execute(&mut *lent)).await;
    Ok(lent.committed(done)?.rows_affected())
}

fn eldest(now: Timestamp) -> Option<Timestamp> {
    let life = SignedDuration::try_from(WRITE_KEY_LIFE).expect("a day fits a signed duration");
    now.checked_sub(life).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_is_looked_at_after_so_many_keys_of_its_own() {
        let (tally, one, other) = (Tally::default(), CallerHash([1; 32]), CallerHash([2; 32]));
        assert_eq!(tally.count([other; 50].into_iter()), []);
        assert_eq!(tally.count([one; EVERY as usize - 1].into_iter()), []);
        assert_eq!(tally.count([one, other].into_iter()), [one]);
        assert_eq!(tally.count([one; EVERY as usize - 1].into_iter()), []);
        assert_eq!(tally.count([one].into_iter()), [one]);
    }
}
