//! A run of batches: one read of what they touch, a decision on each, and one write of what they
//! come to. Rows go in as JSON arrays, their bytes beside them in one blob.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use spike_core::{SecretPath, Version};
use spike_store::{HeadRow, Result, Seen, decide::Present};

use super::{Job, Ticket, Work, key, plan::Plan};
use crate::{error::failed, rows};

const HEADS: &str = "
SELECT w.key AS wanted, h.revision, h.current, h.bytes AS head_bytes, h.key, h.mac
FROM json_each(?1) w CROSS JOIN heads h ON h.path = w.value";

const WRITE_HEADS: &str = "
INSERT INTO heads (path, revision, current, bytes, key, mac)
SELECT value ->> 0, value ->> 1, value ->> 2, substr(?2, value ->> 3, value ->> 4),
       value ->> 5, substr(?2, value ->> 6, 32)
FROM json_each(?1) WHERE true
ON CONFLICT (path) DO UPDATE SET
    revision = excluded.revision, current = excluded.current, bytes = excluded.bytes,
    key = excluded.key, mac = excluded.mac";

const DROP_RECORDS: &str = "
DELETE FROM records WHERE (head, version) IN
(SELECT h.id, w.value ->> 1 FROM json_each(?1) w CROSS JOIN heads h ON h.path = w.value ->> 0)";

const PUT_RECORDS: &str = "
INSERT INTO records (head, version, bytes)
SELECT h.id, w.value ->> 1, substr(?2, w.value ->> 2, w.value ->> 3)
FROM json_each(?1) w CROSS JOIN heads h ON h.path = w.value ->> 0 WHERE true
ON CONFLICT (head, version) DO UPDATE SET bytes = excluded.bytes";

/// Does the batches of a run. An error is the whole transaction's; a refusal is a batch's result.
pub(super) async fn run(work: &mut Work<'_>, tickets: &mut [Ticket]) -> Result<()> {
    if !tickets.iter().any(|ticket| ticket.job.is_commit()) {
        return Ok(());
    }
    let mut present = present(work, tickets).await?;
    let mut plan = Plan::default();
    let epochs = work.epochs;
    for Ticket { call, job, .. } in tickets {
        if let Job::Commit(batch, slot) = job {
            let result = plan.add(&mut present, call, batch);
            slot.result = Some(result.map(|value| Seen { epochs, value }));
        }
    }
    write_heads(work, &plan).await?;
    write_records(work, &plan).await?;
    key::remember(work, &plan.keys).await
}

/// Reads what the batches of a run touch.
async fn present(work: &mut Work<'_>, tickets: &[Ticket]) -> Result<Present> {
    let batches = tickets.iter().filter_map(|ticket| match &ticket.job {
        Job::Commit(batch, _) => Some(batch),
        _ => None,
    });
    let paths: BTreeSet<_> =
        batches.clone().flat_map(|batch| &batch.commits).map(|commit| &commit.path).collect();
    let scopes: BTreeSet<_> =
        batches.filter_map(|batch| batch.key.as_ref()).map(|key| key.scope).collect();
    let heads = heads(work, &paths.into_iter().collect::<Vec<_>>()).await?;
    Ok(Present { epochs: work.epochs, heads, keys: key::find(work, &scopes).await? })
}

async fn heads(
    work: &mut Work<'_>,
    paths: &[&SecretPath],
) -> Result<HashMap<SecretPath, Result<HeadRow>>> {
    let names: Vec<_> = paths.iter().map(|path| path.as_str()).collect();
    let query = sqlx::query(HEADS).bind(rows::json(&names)?);
    let mut heads = HashMap::new();
    for row in query.fetch_all(&mut *work.connection).await.map_err(failed)? {
        let wanted: i64 = rows::get(&row, "wanted")?;
        let path = usize::try_from(wanted).ok().and_then(|wanted| paths.get(wanted));
        if let (Some(path), Some(head)) = (path, rows::head(&row).transpose()) {
            heads.insert((*path).clone(), head);
        }
    }
    Ok(heads)
}

async fn write_heads(work: &mut Work<'_>, plan: &Plan) -> Result<()> {
    let (mut bytes, mut heads) = (Pool::default(), Vec::with_capacity(plan.heads.len()));
    for (path, head) in &plan.heads {
        let (start, length) = bytes.add(&head.bytes);
        let (mac, _) = bytes.add(&head.mac);
        let current = head.current.map(Version::get);
        heads.push((path.as_str(), head.revision.0, current, start, length, head.key, mac));
    }
    write(work, WRITE_HEADS, &heads, bytes).await
}

async fn write_records(work: &mut Work<'_>, plan: &Plan) -> Result<()> {
    let (mut bytes, mut puts, mut drops) = (Pool::default(), vec![], vec![]);
    for ((path, version), record) in &plan.records {
        let (path, version) = (path.as_str(), version.get());
        match record {
            Some(record) => {
                let (start, length) = bytes.add(&record.0);
                puts.push((path, version, start, length));
            }
            // A version too high to be kept is not there to be dropped.
            None if rows::sql(version).is_ok() => drops.push((path, version)),
            None => {}
        }
    }
    write(work, DROP_RECORDS, &drops, Pool::default()).await?;
    write(work, PUT_RECORDS, &puts, bytes).await
}

/// Writes rows, if there are any, whose bytes are in the pool.
pub(super) async fn write<T: Serialize>(
    work: &mut Work<'_>,
    sql: &'static str,
    rows: &[T],
    bytes: Pool,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(sql).bind(rows::json(rows)?).bind(bytes.into_bytes());
    query.execute(&mut *work.connection).await.map_err(failed)?;
    Ok(())
}

/// The bytes of many rows, one after the other.
#[derive(Default)]
pub(super) struct Pool(Vec<u8>);

impl Pool {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Where SQL's `substr` finds them: their start, counted from 1, and their length.
    pub(super) fn add(&mut self, bytes: &[u8]) -> (usize, usize) {
        let start = self.0.len() + 1;
        self.0.extend_from_slice(bytes);
        (start, bytes.len())
    }
}
