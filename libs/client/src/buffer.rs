//! Bytes that leave no copies behind as they grow.

use std::io;

use zeroize::Zeroizing;

/// The capacity of a buffer that has anything in it.
const FIRST: usize = 4096;

/// A growing buffer. A `Vec` that grows forgets its old memory as it was; this wipes it.
#[derive(Default)]
pub(crate) struct Buffer(Zeroizing<Vec<u8>>);

impl Buffer {
    /// An empty buffer for about so many bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(capacity)))
    }

    /// Appends.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let capacity = needed.max(self.0.capacity() * 2).max(FIRST);
            let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The bytes.
    pub(crate) fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_grows_without_losing_a_byte() {
        let mut buffer = Buffer::with_capacity(3);
        let chunks = ["ab", "c", "", "defgh", &"x".repeat(10_000)];
        for chunk in chunks {
            buffer.push(chunk.as_bytes());
        }
        assert_eq!(buffer.into_bytes().as_slice(), chunks.concat().as_bytes());
    }
}
