//! Write keys: what makes a repeated write happen once.

use jiff::{SignedDuration, Timestamp};
use spike_store::{
    Call, Committed, Result, StoreError, WRITE_KEY_LIFE, WRITE_KEYS_PER_CALLER, WriteKey,
};

use super::Work;
use crate::{error::failed, rows};

const FIND: &str = "SELECT digest, commits FROM write_keys WHERE scope = ?1";

const REMEMBER: &str = "
INSERT INTO write_keys (scope, digest, caller, at, commits, turn)
VALUES (?1, ?2, ?3, ?4, ?5,
        (SELECT coalesce(max(turn), 0) + 1 FROM write_keys WHERE caller = ?3))";

/// The caller's oldest give way.
const TRIM: &str = "
DELETE FROM write_keys WHERE caller = ?1
AND turn <= (SELECT max(turn) FROM write_keys WHERE caller = ?1) - ?2";

const SWEEP: &str = "
DELETE FROM write_keys WHERE rowid IN
(SELECT rowid FROM write_keys WHERE at < ?1 ORDER BY at LIMIT ?2)";

/// How many keys one job forgets, so that a sweep never holds up the writes behind it for long.
pub(crate) const SWEEP_STEP: u32 = 1_000;

/// What became of the first write under this key, if there was one.
pub(super) async fn replay(work: &mut Work<'_>, key: &WriteKey) -> Result<Option<Vec<Committed>>> {
    let query = sqlx::query(FIND).bind(key.scope.as_slice());
    let row = query.fetch_optional(&mut *work.connection).await.map_err(failed)?;
    let Some(row) = row else { return Ok(None) };
    if rows::exact(&row, "digest")? != key.digest {
        return Err(StoreError::KeyReused);
    }
    rows::decode(&rows::get::<Vec<u8>>(&row, "commits")?).map(Some)
}

/// Keeps what became of a write, in its own transaction.
pub(super) async fn remember(
    work: &mut Work<'_>,
    call: &Call,
    key: &WriteKey,
    commits: &[Committed],
) -> Result<()> {
    let caller = call.caller.0;
    let query = sqlx::query(REMEMBER)
        .bind(key.scope.as_slice())
        .bind(key.digest.as_slice())
        .bind(caller.as_slice())
        .bind(call.at.as_millisecond())
        .bind(rows::encode(commits));
    query.execute(&mut *work.connection).await.map_err(failed)?;
    let query = sqlx::query(TRIM).bind(caller.as_slice()).bind(WRITE_KEYS_PER_CALLER);
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
