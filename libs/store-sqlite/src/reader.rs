//! Reads, each of one statement: SQLite gives a statement one snapshot, so the epochs it returns are
//! those of its rows.

use spike_core::{SecretPath, Version};
use spike_store::{
    Call, Document, Epochs, Found, HeadRow, Kind, Listed, Names, Page, Result, Seen, Select,
    StoreError,
};
use sqlx::{
    Sqlite, SqlitePool,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};
use tokio::time::timeout_at;

use crate::{error::failed, rows};

/// `?1` is a JSON array of `[path, version]`, where 0 stands for no record and -1 for the current.
const READ: &str = "
SELECT e.counter, e.tag, e.ring, w.key AS wanted,
       h.revision, h.current, h.bytes AS head_bytes, h.key, h.mac,
       r.version, r.bytes AS record_bytes
FROM epochs e
LEFT JOIN json_each(?1) w
LEFT JOIN heads h ON h.path = w.value ->> 0
LEFT JOIN records r ON r.head = h.id
     AND r.version = CASE w.value ->> 1 WHEN -1 THEN h.current ELSE w.value ->> 1 END";

const NO_RECORD: i64 = 0;
const CURRENT: i64 = -1;

/// Paths from `?2` (itself left out if it equals `?1`) up to `?3`, at most `?4` of them.
const LIST: &str = "
SELECT e.counter, e.tag, e.ring,
       h.path, h.revision, h.current, h.bytes AS head_bytes, h.key, h.mac
FROM epochs e
LEFT JOIN (SELECT * FROM heads WHERE path > ?1 AND path >= ?2 AND path < ?3
           ORDER BY path LIMIT ?4) h
ORDER BY h.path";

const LOAD_ALL: &str = "
SELECT e.counter, e.tag, e.ring, d.name, d.revision, d.tag AS document_tag, d.bytes
FROM epochs e
LEFT JOIN documents d ON d.kind = ?1
ORDER BY d.name";

const LOAD_THESE: &str = "
SELECT e.counter, e.tag, e.ring, d.name, d.revision, d.tag AS document_tag, d.bytes
FROM epochs e
LEFT JOIN documents d ON d.kind = ?1 AND d.name IN (SELECT value FROM json_each(?2))
ORDER BY d.name";

/// Reads heads and records.
pub(crate) async fn read(
    pool: &SqlitePool,
    call: &Call,
    want: &[(SecretPath, Select)],
) -> Result<Seen<Vec<Found>>> {
    let wanted: Vec<_> = want.iter().map(|(path, select)| (path.as_str(), code(*select))).collect();
    let rows = fetch(pool, call, sqlx::query(READ).bind(rows::json(&wanted)?)).await?;
    let epochs = epochs_of(&rows)?;
    let mut found = vec![Found::default(); want.len()];
    for row in &rows {
        let Some(index) = rows::get::<Option<i64>>(row, "wanted")? else { continue };
        let slot = usize::try_from(index).ok().and_then(|index| found.get_mut(index));
        let slot =
            slot.ok_or_else(|| StoreError::Corrupt(format!("an answer nobody wants: {index}")))?;
        *slot = Found { head: rows::head(row)?, record: rows::record(row)? };
    }
    Ok(Seen { epochs, value: found })
}

/// Reads one page of heads, and one head more to know whether there are any.
pub(crate) async fn list(pool: &SqlitePool, call: &Call, page: &Page) -> Result<Seen<Listed>> {
    let size = page.size() as usize;
    let query = sqlx::query(LIST)
        .bind(page.after.as_ref().map_or("", SecretPath::as_str).to_owned())
        .bind(page.prefix.clone())
        .bind(behind(&page.prefix))
        .bind(i64::from(page.size()) + 1);
    let rows = fetch(pool, call, query).await?;
    let epochs = epochs_of(&rows)?;
    let mut heads = Vec::with_capacity(rows.len());
    for row in &rows {
        heads.extend(listed(row)?);
    }
    let more = heads.len() > size;
    heads.truncate(size);
    Ok(Seen { epochs, value: Listed { heads, more } })
}

/// Reads documents.
pub(crate) async fn load(
    pool: &SqlitePool,
    call: &Call,
    kind: Kind,
    names: &Names,
) -> Result<Seen<Vec<Document>>> {
    let query = match names {
        Names::All => sqlx::query(LOAD_ALL).bind(kind.code()),
        Names::These(names) => sqlx::query(LOAD_THESE).bind(kind.code()).bind(rows::json(names)?),
    };
    let rows = fetch(pool, call, query).await?;
    let mut documents = Vec::with_capacity(rows.len());
    for row in &rows {
        documents.extend(rows::document(row)?);
    }
    Ok(Seen { epochs: epochs_of(&rows)?, value: documents })
}

async fn fetch(
    pool: &SqlitePool,
    call: &Call,
    query: Query<'_, Sqlite, SqliteArguments>,
) -> Result<Vec<SqliteRow>> {
    let rows = timeout_at(call.deadline, query.fetch_all(pool)).await;
    rows.map_err(|_| StoreError::late())?.map_err(failed)
}

fn epochs_of(rows: &[SqliteRow]) -> Result<Epochs> {
    match rows.first() {
        Some(row) => rows::epochs(row),
        None => Err(StoreError::Corrupt("the row of the epochs is missing".to_owned())),
    }
}

fn listed(row: &SqliteRow) -> Result<Option<(SecretPath, HeadRow)>> {
    let Some(head) = rows::head(row)? else { return Ok(None) };
    let path: String = rows::get(row, "path")?;
    match path.parse() {
        Ok(path) => Ok(Some((path, head))),
        Err(invalid) => Err(StoreError::Corrupt(format!("a path in the list: {invalid}"))),
    }
}

fn code(select: Select) -> i64 {
    match select {
        Select::Head => NO_RECORD,
        Select::Current => CURRENT,
        Select::Version(version) => rows::sql(Version::get(version)).unwrap_or(NO_RECORD),
    }
}

/// The least text behind all that start with `prefix`. Paths are ASCII, so no path is behind the
/// last character there is.
fn behind(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}
