//! A change of documents, and of the epochs with them.
//!
//! It keeps all other writes out while it lasts, in four short steps: lock, look, write, commit.
//! Nothing else takes that lock, and the server lets go of it if we fall silent halfway.

use std::collections::HashMap;

use spike_store::{
    Call, DocumentDrop, DocumentPut, Epochs, Kind, Result,
    decide::{self, There},
};
use sqlx::{
    Postgres,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use tokio::time::timeout_at;

use crate::{
    link::{Lent, Link},
    rows,
};

/// Readers go on: EXCLUSIVE keeps out only those who write, see [`super::commit`]. Whoever holds it
/// and is silent for five seconds has it no longer.
const BEGIN: &str = "
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SET LOCAL idle_in_transaction_session_timeout = '5s';
LOCK TABLE spike.epochs IN EXCLUSIVE MODE";

/// Kinds and names.
const LOOK: &str = "
SELECT e.counter, e.tag, e.ring, e.min_reader, w.wanted,
       d.name, d.revision, d.tag AS document_tag, d.bytes AS document_bytes
FROM spike.epochs e
LEFT JOIN unnest($1::smallint[], $2::text[]) WITH ORDINALITY AS w (kind, name, wanted) ON true
LEFT JOIN spike.documents d ON d.kind = w.kind AND d.name = w.name
WHERE e.one = 1";

/// Puts, drops and epochs.
const WRITE: &str = "
WITH put AS (
    INSERT INTO spike.documents (kind, name, revision, tag, bytes)
    SELECT * FROM unnest($1::smallint[], $2::text[], $3::bigint[], $4::bytea[], $5::bytea[])
    ON CONFLICT (kind, name) DO UPDATE SET
        revision = excluded.revision, tag = excluded.tag, bytes = excluded.bytes
), dropped AS (
    DELETE FROM spike.documents d USING unnest($6::smallint[], $7::text[]) AS w (kind, name)
    WHERE d.kind = w.kind AND d.name = w.name
)
UPDATE spike.epochs SET counter = $8, tag = $9, ring = $10
WHERE one = 1 AND (counter, tag, ring) IS DISTINCT FROM ($8, $9, $10)";

/// Does a change or says why not; the epochs afterwards.
pub(super) async fn change(
    link: &Link,
    call: &Call,
    puts: &[DocumentPut],
    drops: &[DocumentDrop],
) -> Result<Epochs> {
    let mut lent = link.writer(call.deadline).await?;
    let begun = timeout_at(call.deadline, sqlx::raw_sql(BEGIN).execute(&mut *lent)).await;
    lent.step(begun)?;
    let names = names(puts, drops);
    let rows = timeout_at(call.deadline, look(&names).fetch_all(&mut *lent)).await;
    let rows = lent.step(rows)?;
    let decided = present(&names, &rows).and_then(|(epochs, there)| {
        let after = decide::change(call, epochs, &there, (puts, drops))?;
        Ok((epochs, after))
    });
    let after = match decided {
        Ok((_, Some(after))) => after,
        Ok((epochs, None)) => return roll_back(lent, call).await.map(|()| epochs),
        Err(refused) => return roll_back(lent, call).await.and(Err(refused)),
    };
    let written = timeout_at(call.deadline, write(puts, drops, after).execute(&mut *lent)).await;
    lent.step(written)?;
    let done = timeout_at(call.deadline, sqlx::raw_sql("COMMIT").execute(&mut *lent)).await;
    lent.committed(done).map(|_| after)
}

/// Nothing was written: what matters is that the connection is as good as before.
pub(super) async fn roll_back(mut lent: Lent, call: &Call) -> Result<()> {
    let asked = timeout_at(call.deadline, sqlx::raw_sql("ROLLBACK").execute(&mut *lent)).await;
    lent.answered(asked).map(drop)
}

fn names<'d>(puts: &'d [DocumentPut], drops: &'d [DocumentDrop]) -> Vec<(Kind, &'d str)> {
    let puts = puts.iter().map(|put| (put.kind, put.document.name.as_str()));
    puts.chain(drops.iter().map(|drop| (drop.kind, drop.name.as_str()))).collect()
}

fn look<'d>(names: &[(Kind, &'d str)]) -> Query<'d, Postgres, PgArguments> {
    let kinds: Vec<_> = names.iter().map(|(kind, _)| kind.code()).collect();
    let names: Vec<_> = names.iter().map(|(_, name)| *name).collect();
    sqlx::query(LOOK).bind(kinds).bind(names)
}

fn present<'d>(names: &[(Kind, &'d str)], rows: &[PgRow]) -> Result<(Epochs, There<'d>)> {
    let mut there: There<'d> = HashMap::new();
    for row in rows {
        let Some(name) = rows::place(row)?.and_then(|place| names.get(place)) else { continue };
        if let Some(document) = rows::document(row)? {
            there.insert(*name, document);
        }
    }
    Ok((rows::epochs_of(rows)?, there))
}

fn write<'d>(
    puts: &'d [DocumentPut],
    drops: &'d [DocumentDrop],
    after: Epochs,
) -> Query<'d, Postgres, PgArguments> {
    let documents = || puts.iter().map(|put| &put.document);
    sqlx::query(WRITE)
        .bind(puts.iter().map(|put| put.kind.code()).collect::<Vec<_>>())
        .bind(documents().map(|document| document.name.as_str()).collect::<Vec<_>>())
        .bind(documents().map(|document| rows::number(document.revision.0)).collect::<Vec<_>>())
        .bind(documents().map(|document| document.tag.as_slice()).collect::<Vec<_>>())
        .bind(documents().map(|document| document.bytes.as_ref()).collect::<Vec<_>>())
        .bind(drops.iter().map(|drop| drop.kind.code()).collect::<Vec<_>>())
        .bind(drops.iter().map(|drop| drop.name.as_str()).collect::<Vec<_>>())
        .bind(rows::number(after.generation.counter))
        .bind(after.generation.tag.to_vec())
        .bind(rows::number(after.ring.0))
}
