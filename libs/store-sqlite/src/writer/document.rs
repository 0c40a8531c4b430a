//! A change of documents, and of the epochs with them.

use spike_core::Revision;
use spike_store::{
    Call, Document, DocumentDrop, DocumentPut, Epochs, Generation, Kind, Result, StoreError,
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

/// Does a change or says why not, under the savepoint of its caller; the epochs afterwards.
pub(super) async fn change(
    work: &mut Work<'_>,
    call: &Call,
    puts: &[DocumentPut],
    drops: &[DocumentDrop],
) -> Result<Epochs> {
    work.guard(call)?;
    if is_done(work, puts, drops).await? {
        return Ok(work.epochs);
    }
    work.epochs = apply(work, puts, drops).await?;
    Ok(work.epochs)
}

/// True if this was done before and its answer got lost.
async fn is_done(
    work: &mut Work<'_>,
    puts: &[DocumentPut],
    drops: &[DocumentDrop],
) -> Result<bool> {
    for DocumentPut { kind, document, .. } in puts {
        let there = find(work, *kind, &document.name).await?;
        if there.map(|there| (there.revision, there.tag)) != Some((document.revision, document.tag))
        {
            return Ok(false);
        }
    }
    for DocumentDrop { kind, name, .. } in drops {
        if find(work, *kind, name).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn apply(
    work: &mut Work<'_>,
    puts: &[DocumentPut],
    drops: &[DocumentDrop],
) -> Result<Epochs> {
    let mut epochs = work.epochs;
    for DocumentPut { kind, expect, document } in puts {
        expected(work, *kind, &document.name, *expect).await?;
        put(work, *kind, document).await?;
        let Document { revision, tag, .. } = *document;
        match kind {
            Kind::Ring => epochs.ring = revision,
            Kind::Manifest => epochs.generation = Generation { counter: revision.0, tag },
            Kind::Policy | Kind::Audit => {}
        }
    }
    for DocumentDrop { kind, name, expect } in drops {
        expected(work, *kind, name, Some(*expect)).await?;
        let query = sqlx::query(DROP).bind(rows::kind(*kind)).bind(name);
        query.execute(&mut *work.connection).await.map_err(failed)?;
    }
    if epochs != work.epochs {
        let query = sqlx::query(EPOCHS)
            .bind(rows::sql(epochs.generation.counter)?)
            .bind(epochs.generation.tag.as_slice())
            .bind(rows::sql(epochs.ring.0)?);
        query.execute(&mut *work.connection).await.map_err(failed)?;
    }
    Ok(epochs)
}

async fn expected(
    work: &mut Work<'_>,
    kind: Kind,
    name: &str,
    expect: Option<Revision>,
) -> Result<()> {
    let revision = find(work, kind, name).await?.map(|there| there.revision);
    if revision == expect {
        return Ok(());
    }
    Err(StoreError::DocumentConflict { name: name.to_owned(), revision })
}

async fn put(work: &mut Work<'_>, kind: Kind, document: &Document) -> Result<()> {
    let query = sqlx::query(PUT)
        .bind(rows::kind(kind))
        .bind(&document.name)
        .bind(rows::sql(document.revision.0)?)
        .bind(document.tag.as_slice())
        .bind(document.bytes.as_ref());
    query.execute(&mut *work.connection).await.map_err(failed)?;
    Ok(())
}

async fn find(work: &mut Work<'_>, kind: Kind, name: &str) -> Result<Option<Document>> {
    let query = sqlx::query(FIND).bind(rows::kind(kind)).bind(name);
    match query.fetch_optional(&mut *work.connection).await.map_err(failed)? {
        Some(row) => rows::document(&row),
        None => Ok(None),
    }
}
