//! Why a line could not be kept.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

/// Why an audit log can't be opened or a line isn't durable.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The path is a device, a pipe or a directory.
    #[error("audit log {0}: not a regular file")]
    NotAFile(PathBuf),
    /// Another process holds the file.
    #[error("audit log {0}: another process writes it; give each process its own file")]
    InUse(PathBuf),
    /// The file ends in something that is not a line of ours: it is not appended to.
    #[error(
        "audit log {0}: its last line is not an audit line; check it with `spike audit verify`, then move it away; a new chain begins"
    )]
    NotALog(PathBuf),
    /// The log was closed.
    #[error("the audit log is closed")]
    Closed,
    /// The sink hangs or the queue stays full.
    #[error("the audit log did not take the line within {0:?}")]
    TimedOut(Duration),
    /// The sink refused: the disk is full, the pipe is broken, ….
    #[error("the audit log can't be written: {0}")]
    Write(#[source] Arc<io::Error>),
}

impl From<io::Error> for AuditError {
    fn from(error: io::Error) -> Self {
        Self::Write(Arc::new(error))
    }
}
