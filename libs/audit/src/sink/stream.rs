//! Standard output, a pipe or a socket: what is written can't be taken back.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
};

use super::Broken;

/// An unbuffered stream of lines.
pub(crate) struct Stream {
    to: Box<dyn Write + Send>,
    /// The last write ended inside a line.
    torn: bool,
}

impl Stream {
    /// Standard output past Rust's own buffer, which would repeat half a line after an error.
    pub(crate) fn stdout() -> io::Result<Self> {
        Ok(Self::new(Box::new(File::from(io::stdout().as_fd().try_clone_to_owned()?))))
    }

    pub(crate) fn new(to: Box<dyn Write + Send>) -> Self {
        Self { to, torn: false }
    }

    /// Writes a page; one that breaks off inside a line is ended before the next.
    pub(crate) fn write(&mut self, page: &[u8]) -> Result<(), Broken> {
        if self.torn {
            self.to.write_all(b"\n").map_err(|error| Broken { kept: 0, error })?;
            self.torn = false;
        }
        let mut kept = 0;
        while let Some(rest) = page.get(kept..).filter(|rest| !rest.is_empty()) {
            match self.to.write(rest) {
                Ok(0) => return Err(self.broken(page, kept, io::ErrorKind::WriteZero.into())),
                Ok(written) => kept += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(page, kept, error)),
            }
        }
        self.to.flush().map_err(|error| self.broken(page, kept, error))
    }

    fn broken(&mut self, page: &[u8], kept: usize, error: io::Error) -> Broken {
        self.torn = kept > 0 && page.get(kept - 1) != Some(&b'\n');
        Broken { kept, error }
    }
}
