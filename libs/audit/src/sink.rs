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

/// A text that names no [`Sink`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSink {
    /// `store`.
    #[error("this version keeps no audit in the store")]
    Store,
    /// `file:` with something else than an absolute path: where a program was started is chance.
    #[error("not an absolute path")]
    Relative,
    /// Something else.
    #[error("not a place for an audit log")]
    Unknown,
}

impl Sink {
    /// `stdout` or `file:<absolute path>`; a file's lines are durable by `sync`.
    pub fn parse(text: &str, sync: Sync) -> Result<Self, InvalidSink> {
        match text.split_once(':') {
            None if text == "stdout" => Ok(Self::Stdout),
            None if text == "store" => Err(InvalidSink::Store),
            Some(("file", path)) if path.starts_with('/') => {
                Ok(Self::File { path: path.into(), sync })
            }
            Some(("file", _)) => Err(InvalidSink::Relative),
            _ => Err(InvalidSink::Unknown),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_is_standard_output_or_a_file_with_an_absolute_path() {
        let parse = |text| Sink::parse(text, Sync::Os);
        assert_eq!(parse("stdout"), Ok(Sink::Stdout));
        let path = PathBuf::from("/var/log/a:b");
        assert_eq!(parse("file:/var/log/a:b"), Ok(Sink::File { path, sync: Sync::Os }));
        for (text, why) in [
            ("store", InvalidSink::Store),
            ("file:", InvalidSink::Relative),
            ("file:audit.jsonl", InvalidSink::Relative),
            ("file", InvalidSink::Unknown),
            ("stdout:x", InvalidSink::Unknown),
            ("syslog", InvalidSink::Unknown),
        ] {
            assert_eq!(parse(text), Err(why), "{text}");
        }
    }
}
