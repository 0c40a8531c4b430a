//! A batch of heads and records, each with what it expects.

use spike_core::{Revision, SecretPath, Version};
use spike_store::{Batch, Call, Commit, Committed, HeadRow, Outcome, Result, Sealed, StoreError};

use super::{Work, key};
use crate::{error::failed, rows};

const HEAD: &str = "
SELECT revision, current, bytes AS head_bytes, key, mac FROM heads WHERE path = ?1";

const INSERT_HEAD: &str = "
INSERT INTO heads (path, revision, current, bytes, key, mac) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (path) DO NOTHING";

const UPDATE_HEAD: &str = "
UPDATE heads SET revision = ?2, current = ?3, bytes = ?4, key = ?5, mac = ?6
WHERE path = ?1 AND revision = ?7";

const PUT: &str = "
INSERT INTO records (head, version, bytes) SELECT id, ?2, ?3 FROM heads WHERE path = ?1
ON CONFLICT (head, version) DO UPDATE SET bytes = excluded.bytes";

const DROP: &str = "
DELETE FROM records WHERE head = (SELECT id FROM heads WHERE path = ?1) AND version = ?2";

/// Does a batch or says why not, under the savepoint of its caller.
pub(super) async fn commit(work: &mut Work<'_>, call: &Call, batch: &Batch) -> Result<Outcome> {
    work.guard(call)?;
    if let Some(key) = &batch.key
        && let Some(commits) = key::replay(work, key).await?
    {
        return Ok(Outcome { commits, replayed: true });
    }
    let mut commits = Vec::with_capacity(batch.commits.len());
    for commit in &batch.commits {
        if !swap_head(work, commit).await? {
            let head = head(work, &commit.path).await?.map(Box::new);
            return Err(StoreError::Conflict { path: commit.path.clone(), head });
        }
        for version in &commit.drops {
            drop_record(work, &commit.path, *version).await?;
        }
        for (version, record) in &commit.puts {
            put_record(work, &commit.path, *version, record).await?;
        }
        let HeadRow { revision, current, .. } = commit.head;
        commits.push(Committed { revision, current });
    }
    if let Some(key) = &batch.key {
        key::remember(work, call, key, &commits).await?;
    }
    Ok(Outcome { commits, replayed: false })
}

/// True if the head was the expected one and is now the new one.
async fn swap_head(work: &mut Work<'_>, commit: &Commit) -> Result<bool> {
    let Commit { path, expect, head, .. } = commit;
    let query = sqlx::query(if expect.is_some() { UPDATE_HEAD } else { INSERT_HEAD })
        .bind(path.as_str())
        .bind(rows::sql(head.revision.0)?)
        .bind(head.current.map(|version| rows::sql(version.get())).transpose()?)
        .bind(head.bytes.as_ref())
        .bind(head.key)
        .bind(head.mac.as_slice());
    let query = match expect {
        Some(Revision(revision)) => query.bind(rows::sql(*revision)?),
        None => query,
    };
    let done = query.execute(&mut *work.connection).await.map_err(failed)?;
    Ok(done.rows_affected() == 1)
}

async fn head(work: &mut Work<'_>, path: &SecretPath) -> Result<Option<HeadRow>> {
    let query = sqlx::query(HEAD).bind(path.as_str());
    match query.fetch_optional(&mut *work.connection).await.map_err(failed)? {
        Some(row) => rows::head(&row),
        None => Ok(None),
    }
}

async fn put_record(
    work: &mut Work<'_>,
    path: &SecretPath,
    version: Version,
    record: &Sealed,
) -> Result<()> {
    let query = sqlx::query(PUT)
        .bind(path.as_str())
        .bind(rows::sql(version.get())?)
        .bind(record.0.as_ref());
    query.execute(&mut *work.connection).await.map_err(failed)?;
    Ok(())
}

async fn drop_record(work: &mut Work<'_>, path: &SecretPath, version: Version) -> Result<()> {
    // A version too high to be kept is not there to be dropped.
    let Ok(version) = rows::sql(version.get()) else { return Ok(()) };
    let query = sqlx::query(DROP).bind(path.as_str()).bind(version);
    query.execute(&mut *work.connection).await.map_err(failed)?;
    Ok(())
}
