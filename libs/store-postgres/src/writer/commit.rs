//! The statement that commits a group.
//!
//! It is one data-modifying statement, so a transaction of its own and one round trip. Why that is
//! enough, though PostgreSQL gives it no more than READ COMMITTED:
//!
//! - *Guard.* The statement names `epochs` `FOR KEY SHARE`, and so holds that table in ROW SHARE
//!   mode to its end. A change of documents holds it in EXCLUSIVE mode, which ROW SHARE conflicts
//!   with. PostgreSQL takes the table locks of a statement before the snapshot that it runs on, and
//!   means to (<https://postgr.es/m/flat/5075D8DF.6050500@fuzzy.cz>): so either a change is committed
//!   and in our snapshot, or it begins when we have ended. No row is locked, by `WHERE false`: a row
//!   lock would be written to the log by every commit, and as long as somebody shares it, a
//!   revocation would wait. Table locks queue.
//! - *Revision.* `ON CONFLICT DO UPDATE` locks the head that is there, as it is then, even if it is
//!   newer than the snapshot, and compares its revision.
//! - *Key.* One that is in the snapshot keeps its batch out. One that came since makes the insert
//!   fail and the whole group with it, which is done again on another snapshot.
//! - *Order.* Heads are locked by path, then keys by scope. Whoever reads `head` or `done` hashes or
//!   sorts all of it, so that the last head comes before the first key. Two groups can't wait for each
//!   other in a circle.
//! - *Whole or not at all.* A batch of one path is. One of several goes alone, and is rolled back if
//!   not all of its paths were as expected when they were locked.

use std::collections::BTreeMap;

use spike_core::Version;
use spike_store::{
    Batch, Call, Commit, Committed, Epochs, HeadRow, Outcome, Result, Seen, WriteKey, outcome,
};
use sqlx::{
    PgConnection, Postgres,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use tokio::time::timeout_at;

use super::change::roll_back;
use crate::{link::Lent, rows, schema::SCHEMA};

const COMMIT: &str = include_str!("commit.sql");

/// Writes what may be written of these batches: they share a guard and touch nothing twice.
pub(super) async fn commit(
    connection: &mut PgConnection,
    group: &[(&Call, &Batch)],
) -> sqlx::Result<Option<PgRow>> {
    // Reads on until the server is ready for another statement: by then ours is committed.
    statement(group).fetch_optional(connection).await
}

/// A transaction around a single batch of several paths. The server ends it if we fall silent.
const BEGIN: &str = "
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SET LOCAL idle_in_transaction_session_timeout = '5s'";

/// Writes all of a batch or none of it.
pub(super) async fn whole(mut lent: Lent, call: &Call, batch: &Batch) -> Result<Done> {
    let begun = timeout_at(call.deadline, sqlx::raw_sql(BEGIN).execute(&mut *lent)).await;
    lent.step(begun)?;
    let row = timeout_at(call.deadline, commit(&mut lent, &[(call, batch)])).await;
    let done = Done::of(lent.step(row)?.as_ref());
    match done {
        Ok(done) if done.numbers.len() == batch.commits.len() => {
            let ended =
                timeout_at(call.deadline, sqlx::raw_sql("COMMIT").execute(&mut *lent)).await;
            lent.committed(ended).map(|_| done)
        }
        Ok(done) => {
            roll_back(lent, call).await.map(|()| Done { epochs: done.epochs, numbers: Vec::new() })
        }
        Err(error) => roll_back(lent, call).await.and(Err(error)),
    }
}

/// What the statement did.
#[derive(Debug)]
pub(super) struct Done {
    epochs: Epochs,
    /// Of the rows that happened, counted from 1: one for each batch, if none has several paths.
    numbers: Vec<i64>,
}

impl Done {
    /// What its answer says.
    pub(super) fn of(row: Option<&PgRow>) -> Result<Self> {
        let Some(row) = row else { return Err(rows::no_epochs()) };
        Ok(Self { epochs: rows::epochs(row)?, numbers: rows::get(row, "done")? })
    }

    /// What became of the batch at this place of the group; `None` if nothing did.
    pub(super) fn outcome(&self, place: usize, batch: &Batch) -> Option<Seen<Outcome>> {
        let number = i64::try_from(place).ok()? + 1;
        let value = Outcome { commits: committed(batch), replayed: false };
        self.numbers.contains(&number).then_some(Seen { epochs: self.epochs, value })
    }
}

fn committed(batch: &Batch) -> Vec<Committed> {
    let heads = batch.commits.iter().map(|commit| &commit.head);
    heads.map(|head| Committed { revision: head.revision, current: head.current }).collect()
}

/// A batch's key and one of its paths. A key alone has a row too, and each key has one only.
type Row<'g> = (Option<(&'g Call, &'g Batch, &'g WriteKey)>, Option<&'g Commit>);

fn rows_of<'g>(group: &[(&'g Call, &'g Batch)]) -> Vec<Row<'g>> {
    let of_batch = |(call, batch): &(&'g Call, &'g Batch)| {
        let (call, batch) = (*call, *batch);
        let key = batch.key.as_ref().map(|key| (call, batch, key));
        let rest = batch.commits.iter().skip(1).map(|commit| (None, Some(commit)));
        std::iter::once((key, batch.commits.first())).chain(rest)
    };
    group.iter().flat_map(of_batch).collect()
}

type Statement<'g> = Query<'g, Postgres, PgArguments>;

fn statement<'g>(group: &[(&'g Call, &'g Batch)]) -> Statement<'g> {
    let guard = group.first().and_then(|(call, _)| call.guard);
    let query = sqlx::query(COMMIT)
        .bind(guard.map(|guard| rows::number(guard.generation.counter)))
        .bind(guard.map(|guard| guard.generation.tag.to_vec()))
        .bind(guard.map(|guard| rows::number(guard.ring.0)))
        .bind(i32::try_from(SCHEMA).unwrap_or(i32::MAX));
    let rows = rows_of(group);
    let commits: Vec<_> = rows.iter().filter_map(|(_, commit)| *commit).collect();
    records(heads(keys(query, &rows), &rows), &commits)
}

fn keys<'g>(query: Statement<'g>, rows: &[Row<'g>]) -> Statement<'g> {
    let keys = || rows.iter().map(|(key, _)| *key);
    let outcome = |(_, batch, _)| outcome::encode(&committed(batch));
    query
        .bind(keys().map(|key| Some(key?.2.scope.as_slice())).collect::<Vec<_>>())
        .bind(keys().map(|key| Some(key?.2.digest.as_slice())).collect::<Vec<_>>())
        .bind(keys().map(|key| Some(key?.0.caller.0.as_slice())).collect::<Vec<_>>())
        .bind(keys().map(|key| Some(key?.0.at.as_millisecond())).collect::<Vec<_>>())
        .bind(keys().map(|key| key.map(outcome)).collect::<Vec<_>>())
}

fn heads<'g>(query: Statement<'g>, rows: &[Row<'g>]) -> Statement<'g> {
    let commits = || rows.iter().map(|(_, commit)| *commit);
    let heads = || commits().map(|commit| Some(&commit?.head));
    let current = |head: &HeadRow| head.current.map(|version| rows::number(version.get()));
    query
        .bind(commits().map(|commit| Some(commit?.path.as_str())).collect::<Vec<_>>())
        .bind(commits().map(|commit| commit.map(replaced)).collect::<Vec<_>>())
        .bind(heads().map(|head| Some(rows::number(head?.revision.0))).collect::<Vec<_>>())
        .bind(heads().map(|head| head.and_then(current)).collect::<Vec<_>>())
        .bind(heads().map(|head| Some(head?.bytes.as_ref())).collect::<Vec<_>>())
        .bind(heads().map(|head| Some(i64::from(head?.key))).collect::<Vec<_>>())
        .bind(heads().map(|head| Some(head?.mac.as_slice())).collect::<Vec<_>>())
}

fn records<'g>(query: Statement<'g>, commits: &[&'g Commit]) -> Statement<'g> {
    let puts: Vec<_> = commits
        .iter()
        .flat_map(|commit| latest(commit).map(|put| (commit.path.as_str(), put)))
        .collect();
    let drops: Vec<_> = commits
        .iter()
        .flat_map(|commit| dropped(commit).map(|version| (commit.path.as_str(), version)))
        .collect();
    query
        .bind(puts.iter().map(|(path, _)| *path).collect::<Vec<_>>())
        .bind(puts.iter().map(|(_, (version, _))| *version).collect::<Vec<_>>())
        .bind(puts.iter().map(|(_, (_, record))| *record).collect::<Vec<_>>())
        .bind(drops.iter().map(|(path, _)| *path).collect::<Vec<_>>())
        .bind(drops.iter().map(|(_, version)| *version).collect::<Vec<_>>())
}

/// The records to put; the last one counts if a version is put twice.
fn latest(commit: &Commit) -> impl Iterator<Item = (i64, &[u8])> {
    let puts =
        commit.puts.iter().map(|(version, record)| (rows::number(version.get()), &*record.0));
    puts.collect::<BTreeMap<_, _>>().into_iter()
}

/// The records to drop, without those that are put again. A version too high to be kept isn't there.
fn dropped(commit: &Commit) -> impl Iterator<Item = i64> {
    let is_put = |version: &Version| commit.puts.iter().any(|(put, _)| put == version);
    let drops = commit.drops.iter().filter(move |version| !is_put(version));
    drops.map(|version| rows::number(version.get()))
}

/// The revision that must be there, 0 for none. No head has revision 0: whoever expects it is wrong.
fn replaced(commit: &Commit) -> i64 {
    match commit.expect {
        None => 0,
        Some(expected) if expected.0 == 0 => rows::NEVER,
        Some(expected) => rows::number(expected.0),
    }
}
