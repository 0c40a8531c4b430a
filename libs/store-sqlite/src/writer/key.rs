//! Write keys: what makes a repeated write happen once.

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use spike_store::{Result, WRITE_KEY_LIFE, WRITE_KEYS_PER_CALLER, decide::First, outcome};
use sqlx::sqlite::SqliteRow;

use super::{
    Work,
    commit::{Pool, write},
    plan::NewKey,
};
use crate::{error::failed, rows};

/// `?1` has positions in `?2`, where the scopes lie one after the other.
const FIND: &str = "
SELECT k.scope, k.digest, k.commits
FROM json_each(?1) w CROSS JOIN write_keys k ON k.scope = substr(?2, w.value, 32)";

/// Positions of scope, digest and caller, the time, position and length of the commits.
const REMEMBER: &str = "
INSERT INTO write_keys (scope, digest, caller, at, commits, turn)
SELECT substr(?2, value ->> 0, 32), substr(?2, value ->> 1, 32), substr(?2, value ->> 2, 32),
       value ->> 3, substr(?2, value ->> 4, value ->> 5),
       row_number() OVER (PARTITION BY substr(?2, value ->> 2, 32) ORDER BY key)
       + (SELECT coalesce(max(turn), 0) FROM write_keys WHERE caller = substr(?2, value ->> 2, 32))
FROM json_each(?1)";

/// The oldest keys of the callers at these positions give way.
const TRIM: &str = "
DELETE FROM write_keys WHERE rowid IN
(SELECT k.rowid FROM json_each(?1) w CROSS JOIN write_keys k
 ON k.caller = substr(?2, w.value, 32)
 AND k.turn <= (SELECT max(turn) FROM write_keys WHERE caller = substr(?2, w.value, 32)) - ?3)";

const SWEEP: &str = "
DELETE FROM write_keys WHERE rowid IN
(SELECT rowid FROM write_keys WHERE at < ?1 ORDER BY at LIMIT ?2)";

/// How many keys one job forgets, so that a sweep never holds up the writes behind it for long.
pub(crate) const SWEEP_STEP: u32 = 1_000;

/// What became of the first writes under these scopes.
pub(super) async fn find(
    work: &mut Work<'_>,
    scopes: &BTreeSet<[u8; 32]>,
) -> Result<HashMap<[u8; 32], Result<First>>> {
    if scopes.is_empty() {
        return Ok(HashMap::new());
    }
    let mut bytes = Pool::default();
    let starts: Vec<_> = scopes.iter().map(|scope| bytes.add(scope).0).collect();
    let query = sqlx::query(FIND).bind(rows::json(&starts)?).bind(bytes.into_bytes());
    let found = query.fetch_all(&mut *work.connection).await.map_err(failed)?;
    found.iter().map(|row| Ok((rows::exact(row, "scope")?, first(row)))).collect()
}

fn first(row: &SqliteRow) -> Result<First> {
    let commits = outcome::decode(&rows::get::<Vec<u8>>(row, "commits")?)?;
    Ok(First { digest: rows::exact(row, "digest")?, commits })
}

/// Keeps what became of writes, in their own transaction.
pub(super) async fn remember(work: &mut Work<'_>, keys: &[NewKey]) -> Result<()> {
    let (mut bytes, mut new) = (Pool::default(), Vec::with_capacity(keys.len()));
    for NewKey { key, caller, at, commits } in keys {
        let [scope, digest, caller] =
            [&key.scope, &key.digest, &caller.0].map(|part| bytes.add(part).0);
        let (start, length) = bytes.add(&outcome::encode(commits));
        new.push((scope, digest, caller, at.as_millisecond(), start, length));
    }
    write(work, REMEMBER, &new, bytes).await?;

    let callers: BTreeSet<_> = keys.iter().map(|new| new.caller.0).collect();
    if callers.is_empty() {
        return Ok(());
    }
    let mut bytes = Pool::default();
    let starts: Vec<_> = callers.iter().map(|caller| bytes.add(caller).0).collect();
    let query = sqlx::query(TRIM).bind(rows::json(&starts)?).bind(bytes.into_bytes());
    let query = query.bind(WRITE_KEYS_PER_CALLER);
    query.execute(&mut *work.connection).await.map_err(failed)?;
    Ok(())
}

/// Forgets keys that are older than they need to be; how many went.
pub(super) async fn sweep(work: &mut Work<'_>, now: Timestamp) -> Result<u64> {
    let life = SignedDuration::try_from(WRITE_KEY_LIFE).expect("a day fits a signed duration");
    let Ok(eldest) = now.checked_sub(life) else { return Ok(0) };
    let query = sqlx::query(SWEEP).bind(eldest.as_millisecond()).bind(SWEEP_STEP);
    let done = query.execute(&mut *work.connection).await.map_err(failed)?;
    Ok(done.rows_affected())
}
