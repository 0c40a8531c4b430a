//! Rows and what they mean. A row that means nothing is [`StoreError::Corrupt`], never a guess.

use bytes::Bytes;
use spike_core::{Revision, Version};
use spike_store::{Document, Epochs, Generation, HeadRow, Result, Sealed, StoreError};
use sqlx::{Decode, Row, Sqlite, Type, sqlite::SqliteRow};

use crate::error::failed;

/// Columns of the `epochs` row.
pub(crate) fn epochs(row: &SqliteRow) -> Result<Epochs> {
    Ok(Epochs {
        generation: Generation { counter: number(row, "counter")?, tag: exact(row, "tag")? },
        ring: Revision(number(row, "ring")?),
    })
}

/// Columns of a `heads` row; `None` if the join found none.
pub(crate) fn head(row: &SqliteRow) -> Result<Option<HeadRow>> {
    if get::<Option<i64>>(row, "revision")?.is_none() {
        return Ok(None);
    }
    let key = number(row, "key")?;
    Ok(Some(HeadRow {
        revision: Revision(number(row, "revision")?),
        current: match get::<Option<i64>>(row, "current")? {
            None => None,
            Some(_) => Some(version(number(row, "current")?)?),
        },
        bytes: get::<Vec<u8>>(row, "head_bytes")?.into(),
        key: key.try_into().map_err(|_| impossible("key", key))?,
        mac: exact(row, "mac")?,
    }))
}

/// Columns of a `records` row; `None` if the join found none.
pub(crate) fn record(row: &SqliteRow) -> Result<Option<(Version, Sealed)>> {
    let Some(bytes) = get::<Option<Vec<u8>>>(row, "record_bytes")? else { return Ok(None) };
    Ok(Some((version(number(row, "version")?)?, Sealed(bytes.into()))))
}

/// Columns of a `documents` row; `None` if the join found none.
pub(crate) fn document(row: &SqliteRow) -> Result<Option<Document>> {
    let Some(name) = get::<Option<String>>(row, "name")? else { return Ok(None) };
    Ok(Some(Document {
        name,
        revision: Revision(number(row, "revision")?),
        tag: exact(row, "document_tag")?,
        bytes: Bytes::from(get::<Vec<u8>>(row, "bytes")?),
    }))
}

/// A number as SQL keeps it. `spike_store::rules` has refused those that don't fit.
pub(crate) fn sql(number: u64) -> Result<i64> {
    number.try_into().map_err(|_| StoreError::Unsupported("keep a number above 2^63 - 1"))
}

/// Rows for `json_each`.
pub(crate) fn json<T: serde::Serialize + ?Sized>(rows: &T) -> Result<String> {
    serde_json::to_string(rows).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// A column of its own type.
pub(crate) fn get<'r, T: Decode<'r, Sqlite> + Type<Sqlite>>(
    row: &'r SqliteRow,
    column: &'static str,
) -> Result<T> {
    row.try_get(column).map_err(failed)
}

/// A column of exactly `N` bytes.
pub(crate) fn exact<const N: usize>(row: &SqliteRow, column: &'static str) -> Result<[u8; N]> {
    let bytes: Vec<u8> = get(row, column)?;
    bytes.as_slice().try_into().map_err(|_| impossible(column, bytes.len() as u64))
}

fn number(row: &SqliteRow, column: &'static str) -> Result<u64> {
    let number: i64 = get(row, column)?;
    number.try_into().map_err(|_| StoreError::Corrupt(format!("column {column} is {number}")))
}

fn version(number: u64) -> Result<Version> {
    Version::new(number).ok_or_else(|| impossible("version", number))
}

fn impossible(column: &str, found: u64) -> StoreError {
    StoreError::Corrupt(format!("column {column} has {found}"))
}
