//! A change of documents, and of the epochs with them.

use std::collections::HashMap;

use spike_store::{
    Call, Document, DocumentDrop, DocumentPut, Epochs, Kind, Result,
    decide::{self, There},
};

use super::Work;
use crate::{error::failed, rows};

const FIND: &str = "
SELECT name, revision, tag AS document_tag, bytes FROM documents WHERE kind = ?1 AND name = ?2";

const PUT: &str = "
INSERT INTO documents (kind, name, revision, tag, bytes) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (kind, name) DO UPDATE
SET revision = excluded.revision, tag = excluded.tag, bytes = excluded.bytes";

const DROP: &str = "DELETE FROM documents WHERE kind = ?1 AND name = ?2";

const EPOCHS: &str = "UPDATE epochs SET counter = ?1, tag = ?2, ring = ?3";

/// Does a change or says why not; the epochs afterwards. An error is the whole transaction's, a
/// refusal is the change's.
pub(super) async fn change(
    work: &mut Work<'_>,
    call: &Call,
    puts: &[DocumentPut],
    drops: &[DocumentDrop],
) -> Result<Result<Epochs>> {
    let mut there: There<'_> = HashMap::new();
    let put_names = puts.iter().map(|put| (put.kind, put.document.name.as_str()));
    let drop_names = drops.iter().map(|drop| (drop.kind, drop.name.as_str()));
    for name @ (kind, raw) in put_names.chain(drop_names) {
        match find(work, kind, raw).await? {
            Ok(Some(document)) => drop(there.insert(name, document)),
            Ok(None) => {}
            Err(damaged) => return Ok(Err(damaged)),
        }
    }
    match decide::change(call, work.epochs, &there, (puts, drops)) {
        Ok(Some(epochs)) => {
            apply(work, puts, drops).await?;
            keep_epochs(work, epochs).await?;
            Ok(Ok(epochs))
        }
        Ok(None) => Ok(Ok(work.epochs)),
        Err(refused) => Ok(Err(refused)),
    }
}

async fn apply(work: &mut Work<'_>, puts: &[DocumentPut], drops: &[DocumentDrop]) -> Result<()> {
    for DocumentPut { kind, document, .. } in puts {
        put(work, *kind, document).await?;
    }
    for DocumentDrop { kind, name, .. } in drops {
        let query = sqlx::query(DROP).bind(kind.code()).bind(name);
        query.execute(&mut *work.connection).await.map_err(failed)?;
    }
    Ok(())
}

async fn keep_epochs(work: &mut Work<'_>, epochs: Epochs) -> Result<()> {
    if epochs != work.epochs {
        let query = sqlx::query(EPOCHS)
            .bind(rows::sql(epochs.generation.counter)?)
            .bind(epochs.generation.tag.as_slice())
            .bind(rows::sql(epochs.ring.0)?);
        query.execute(&mut *work.connection).await.map_err(failed)?;
        work.epochs = epochs;
    }
    Ok(())
}

async fn put(work: &mut Work<'_>, kind: Kind, document: &Document) -> Result<()> {
    let query = sqlx::query(PUT)
        .bind(kind.code())
        .bind(&document.name)
        .bind(rows::sql(document.revision.0)?)
        .bind(document.tag.as_slice())
        .bind(document.bytes.as_ref());
    query.execute(&mut *work.connection).await.map_err(failed)?;
    Ok(())
}

/// What is there. A row that can't be understood is no reason to fail anyone else.
async fn find(work: &mut Work<'_>, kind: Kind, name: &str) -> Result<Result<Option<Document>>> {
    let query = sqlx::query(FIND).bind(kind.code()).bind(name);
    let row = query.fetch_optional(&mut *work.connection).await.map_err(failed)?;
    Ok(row.as_ref().map_or(Ok(None), rows::document))
}
