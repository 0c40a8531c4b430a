//! What SQLite's result codes mean to a caller.

use std::{borrow::Cow, sync::Arc};

use spike_store::StoreError;

/// Primary result codes (<https://sqlite.org/rescode.html>).
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const READONLY: u32 = 8;
const IOERR: u32 = 10;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const TOOBIG: u32 = 18;
const NOTADB: u32 = 26;

/// Of a statement that did nothing.
pub(crate) fn failed(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            StoreError::Corrupt(error.to_string())
        }
        other => match result_code(&other) {
            Some(CORRUPT | NOTADB) => StoreError::Corrupt(other.to_string()),
            Some(TOOBIG) => StoreError::Unsupported("keep a value of more than 1 GB"),
            code => StoreError::Unavailable {
                class: class(code).into(),
                reason: other.to_string(),
                retryable: matches!(code, Some(BUSY | LOCKED | IOERR))
                    || matches!(other, sqlx::Error::PoolTimedOut),
                cause: Some(Arc::new(other)),
            },
        },
    }
}

/// What kind of failure it is, without what SQLite says of it.
const fn class(code: Option<u32>) -> &'static str {
    match code {
        Some(BUSY | LOCKED) => "another process holds its file",
        Some(READONLY) => "its file can't be written",
        Some(IOERR) => "its file can't be read or written: look at the disk",
        Some(FULL) => "its disk is full: give it space",
        Some(CANTOPEN) => "its file can't be opened",
        _ => "the driver failed: the log says how",
    }
}

/// Of a `COMMIT`. A disk that is full, or a lock, stops it before its last frame is written; after
/// any other failure the next start may find it complete.
pub(crate) fn commit_failed(error: sqlx::Error) -> StoreError {
    match result_code(&error) {
        Some(BUSY | LOCKED | FULL) => failed(error),
        _ => StoreError::Ambiguous { source: Some(Arc::new(error)) },
    }
}

fn result_code(error: &sqlx::Error) -> Option<u32> {
    let extended: Cow<'_, str> = error.as_database_error()?.code()?;
    extended.parse::<u32>().ok().map(|code| code & 0xff)
}
