//! Rows and what they mean. A row that means nothing is [`StoreError::Corrupt`], never a guess.

use bytes::Bytes;
use spike_core::{Revision, Version};
use spike_store::{Document, Epochs, Generation, HeadRow, Result, Sealed, StoreError};
use sqlx::{Decode, Postgres, Row, Type, postgres::PgRow};

use crate::{error::failed, schema};

/// Columns of the row of `epochs`, as far as we may understand what is beside it.
pub(crate) fn epochs(row: &PgRow) -> Result<Epochs> {
    schema::readable(get(row, "min_reader")?)?;
    Ok(Epochs {
        generation: Generation { counter: unsigned(row, "counter")?, tag: exact(row, "tag")? },
        ring: Revision(unsigned(row, "ring")?),
    })
}

/// The epochs that come with every row of an answer.
pub(crate) fn epochs_of(rows: &[PgRow]) -> Result<Epochs> {
    match rows.first() {
        Some(row) => epochs(row),
        None => Err(no_epochs()),
    }
}

/// Somebody removed what every decision rests on.
pub(crate) fn no_epochs() -> StoreError {
    StoreError::Corrupt("the row of the epochs is missing".to_owned())
}

/// Columns of a row of `heads`; `None` if the join found none.
pub(crate) fn head(row: &PgRow) -> Result<Option<HeadRow>> {
    if get::<Option<i64>>(row, "revision")?.is_none() {
        return Ok(None);
    }
    let key = unsigned(row, "key")?;
    Ok(Some(HeadRow {
        revision: Revision(unsigned(row, "revision")?),
        current: match get::<Option<i64>>(row, "current")? {
            None => None,
            Some(_) => Some(version(unsigned(row, "current")?)?),
        },
        bytes: bytes(row, "head_bytes")?,
        key: key.try_into().map_err(|_| impossible("key", key))?,
        mac: exact(row, "mac")?,
    }))
}

/// Columns of a row of `records`; `None` if the join found none.
pub(crate) fn record(row: &PgRow) -> Result<Option<(Version, Sealed)>> {
    if get::<Option<i64>>(row, "version")?.is_none() {
        return Ok(None);
    }
    Ok(Some((version(unsigned(row, "version")?)?, Sealed(bytes(row, "record_bytes")?))))
}

/// Columns of a row of `documents`; `None` if the join found none.
pub(crate) fn document(row: &PgRow) -> Result<Option<Document>> {
    let Some(name) = get::<Option<String>>(row, "name")? else { return Ok(None) };
    Ok(Some(Document {
        name,
        revision: Revision(unsigned(row, "revision")?),
        tag: exact(row, "document_tag")?,
        bytes: bytes(row, "document_bytes")?,
    }))
}

/// What no column ever holds: whoever expects it expects in vain, whoever writes it is refused.
pub(crate) const NEVER: i64 = -1;

/// A number as SQL keeps it. Those that don't fit were refused by `spike_store::rules`, if they were
/// to be kept.
pub(crate) fn number(number: u64) -> i64 {
    number.try_into().unwrap_or(NEVER)
}

/// Where in what was asked for this row belongs, by the column `wanted`, which counts from 1.
pub(crate) fn place(row: &PgRow) -> Result<Option<usize>> {
    let Some(wanted) = get::<Option<i64>>(row, "wanted")? else { return Ok(None) };
    let place = usize::try_from(wanted).ok().and_then(|wanted| wanted.checked_sub(1));
    place.map(Some).ok_or_else(|| StoreError::Corrupt(format!("an answer nobody wants: {wanted}")))
}

/// A column of its own type.
pub(crate) fn get<'r, T: Decode<'r, Postgres> + Type<Postgres>>(
    row: &'r PgRow,
    column: &'static str,
) -> Result<T> {
    row.try_get(column).map_err(failed)
}

/// A column of exactly `N` bytes.
pub(crate) fn exact<const N: usize>(row: &PgRow, column: &'static str) -> Result<[u8; N]> {
    let bytes: &[u8] = get(row, column)?;
    bytes.try_into().map_err(|_| impossible(column, bytes.len() as u64))
}

fn bytes(row: &PgRow, column: &'static str) -> Result<Bytes> {
    Ok(Bytes::copy_from_slice(get(row, column)?))
}

fn unsigned(row: &PgRow, column: &'static str) -> Result<u64> {
    let number: i64 = get(row, column)?;
    number.try_into().map_err(|_| StoreError::Corrupt(format!("column {column} is {number}")))
}

fn version(number: u64) -> Result<Version> {
    Version::new(number).ok_or_else(|| impossible("version", number))
}

fn impossible(column: &str, found: u64) -> StoreError {
    StoreError::Corrupt(format!("column {column} has {found}"))
}
