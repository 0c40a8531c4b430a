//! Reads, each of one statement: PostgreSQL gives a statement one snapshot, so the epochs it returns
//! are those of its rows.

use spike_core::SecretPath;
use spike_store::{
    Document, Found, HeadRow, Kind, Listed, Names, Page, Result, Seen, Select, StoreError,
};
use sqlx::postgres::{PgArguments, PgRow};

use crate::rows;

/// A statement with its arguments.
pub(crate) type Query = sqlx::query::Query<'static, sqlx::Postgres, PgArguments>;

/// `$1` are paths, `$2` versions, where null stands for the current one.
const READ: &str = "
SELECT e.counter, e.tag, e.ring, e.min_reader, w.wanted,
       h.revision, h.current, h.bytes AS head_bytes, h.key, h.mac,
       r.version, r.bytes AS record_bytes
FROM spike.epochs e
LEFT JOIN unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w (path, version, wanted) ON true
LEFT JOIN spike.heads h ON h.path = w.path
LEFT JOIN spike.records r ON r.path = h.path
     AND r.version = coalesce(w.version, h.current)
WHERE e.one = 1";

/// Paths from `$2` (itself left out if it equals `$1`) up to `$3`, at most `$4` of them.
const LIST: &str = "
SELECT e.counter, e.tag, e.ring, e.min_reader,
       h.path, h.revision, h.current, h.bytes AS head_bytes, h.key, h.mac
FROM spike.epochs e
LEFT JOIN (SELECT * FROM spike.heads WHERE path > $1 AND path >= $2 AND path < $3
           ORDER BY path LIMIT $4) h ON true
WHERE e.one = 1
ORDER BY h.path";

const LOAD_ALL: &str = "
SELECT e.counter, e.tag, e.ring, e.min_reader,
       d.name, d.revision, d.tag AS document_tag, d.bytes AS document_bytes
FROM spike.epochs e
LEFT JOIN spike.documents d ON d.kind = $1
WHERE e.one = 1
ORDER BY d.name";

const LOAD_THESE: &str = "
SELECT e.counter, e.tag, e.ring, e.min_reader,
       d.name, d.revision, d.tag AS document_tag, d.bytes AS document_bytes
FROM spike.epochs e
LEFT JOIN spike.documents d ON d.kind = $1 AND d.name = ANY($2)
WHERE e.one = 1
ORDER BY d.name";

/// Asks for heads and records.
pub(crate) fn read(want: &[(SecretPath, Select)]) -> Query {
    let paths: Vec<_> = want.iter().map(|(path, _)| path.as_str().to_owned()).collect();
    let versions: Vec<_> = want.iter().map(|(_, select)| code(*select)).collect();
    sqlx::query(READ).bind(paths).bind(versions)
}

/// What [`read`] found.
pub(crate) fn found(rows: &[PgRow], wanted: usize) -> Result<Seen<Vec<Found>>> {
    let epochs = rows::epochs_of(rows)?;
    let mut found = vec![Found::default(); wanted];
    for row in rows {
        let Some(place) = rows::place(row)? else { continue };
        let slot = found.get_mut(place);
        let slot = slot.ok_or_else(|| StoreError::Corrupt("more answers than questions".into()))?;
        *slot = Found { head: rows::head(row)?, record: rows::record(row)? };
    }
    Ok(Seen { epochs, value: found })
}

/// Asks for one page of heads, and for one head more to know whether there are any.
pub(crate) fn list(page: &Page) -> Query {
    sqlx::query(LIST)
        .bind(page.after.as_ref().map_or("", SecretPath::as_str).to_owned())
        .bind(page.prefix.clone())
        .bind(behind(&page.prefix))
        .bind(i64::from(page.size()) + 1)
}

/// What [`list`] found.
pub(crate) fn listed(rows: &[PgRow], page: &Page) -> Result<Seen<Listed>> {
    let size = page.size() as usize;
    let epochs = rows::epochs_of(rows)?;
    let mut heads = Vec::with_capacity(rows.len());
    for row in rows {
        heads.extend(with_path(row)?);
    }
    let more = heads.len() > size;
    heads.truncate(size);
    Ok(Seen { epochs, value: Listed { heads, more } })
}

/// Asks for documents.
pub(crate) fn load(kind: Kind, names: &Names) -> Query {
    match names {
        Names::All => sqlx::query(LOAD_ALL).bind(kind.code()),
        Names::These(names) => sqlx::query(LOAD_THESE).bind(kind.code()).bind(names.clone()),
    }
}

/// What [`load`] found.
pub(crate) fn loaded(rows: &[PgRow]) -> Result<Seen<Vec<Document>>> {
    let epochs = rows::epochs_of(rows)?;
    let documents = rows.iter().filter_map(|row| rows::document(row).transpose());
    Ok(Seen { epochs, value: documents.collect::<Result<_>>()? })
}

fn with_path(row: &PgRow) -> Result<Option<(SecretPath, HeadRow)>> {
    let Some(head) = rows::head(row)? else { return Ok(None) };
    let path: String = rows::get(row, "path")?;
    match path.parse() {
        Ok(path) => Ok(Some((path, head))),
        Err(invalid) => Err(StoreError::Corrupt(format!("a path in the list: {invalid}"))),
    }
}

fn code(select: Select) -> Option<i64> {
    match select {
        Select::Head => Some(rows::NEVER),
        Select::Current => None,
        Select::Version(version) => Some(rows::number(version.get())),
    }
}

/// The least text behind all that start with `prefix`. Paths are ASCII, so no path is behind the
/// last character there is.
fn behind(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}
