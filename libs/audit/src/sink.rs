//! Where pages of lines go. A sink knows nothing of chains, but says what it kept.

mod file;
mod stream;

use std::{io, path::PathBuf};

pub(crate) use file::LogFile;
pub(crate) use stream::Stream;

use crate::{AuditError, chain::Position};

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Written and flushed to standard output: durable only once the collector has it.
    Stdout,
    /// Appended to a file.
    File {
        /// Which one; made with mode 0600 if it is missing.
        path: PathBuf,
        /// When a line counts as durable.
        sync: Sync,
    },
}

/// When a line in a file counts as durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// After an `fdatasync` that concurrent lines share.
    Group,
    /// Once the operating system has it: lost with the machine, not with the process.
    Os,
}

/// Where a page was found to go, just before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Behind the page before.
    Behind,
    /// Somewhere else: the file was moved, deleted or cut.
    Elsewhere,
}

/// A page that was not kept as a whole.
#[derive(Debug)]
pub(crate) struct Broken {
    /// So many of its bytes stay where they are and can't be taken back.
    pub(crate) kept: usize,
    pub(crate) error: io::Error,
}

/// What an existing log ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) position: Position,
    /// Bytes of an unfinished last line that were cut off.
    pub(crate) torn: u64,
}

/// An open sink.
pub(crate) enum Out {
    File(LogFile),
    Stream(Stream),
}

impl Out {
    /// Opens a sink and finds the end of what is there.
    pub(crate) fn open(sink: &Sink) -> Result<(Self, Tail), AuditError> {
        match sink {
            Sink::Stdout => {
                let tail = Tail { position: Position::START, torn: 0 };
                Ok((Self::Stream(Stream::stdout()?), tail))
            }
            Sink::File { path, sync } => {
                let (file, tail) = LogFile::open(path, *sync)?;
                Ok((Self::File(file), tail))
            }
        }
    }

    /// Makes the sink ready for the next page.
    pub(crate) fn settle(&mut self) -> Result<Place, AuditError> {
        match self {
            Self::File(file) => file.settle(),
            Self::Stream(_) => Ok(Place::Behind),
        }
    }

    /// Keeps a page as durably as the sink can.
    pub(crate) fn write(&mut self, page: &[u8]) -> Result<(), Broken> {
        match self {
            Self::File(file) => file.write(page).map_err(|error| Broken { kept: 0, error }),
            Self::Stream(stream) => stream.write(page),
        }
    }
}
