//! A byte buffer that leaves nothing behind when it grows.

use std::io;

use zeroize::Zeroizing;

/// Enough for most messages, so that they never grow.
const FIRST_CAPACITY: usize = 1024;

/// Collects bytes. Unlike a `Vec` it wipes what it outgrows.
pub(super) struct Buffer(Zeroizing<Vec<u8>>);

impl Buffer {
    pub(super) fn new() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(FIRST_CAPACITY)))
    }

    pub(super) fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        self.0
    }

    fn reserve(&mut self, more: usize) {
        let needed = self.0.len().saturating_add(more);
        if needed > self.0.capacity() {
            let capacity = needed.max(self.0.capacity().saturating_mul(2));
            let mut grown = Zeroizing::new(Vec::with_capacity(capacity));
            grown.extend_from_slice(&self.0);
            self.0 = grown;
        }
    }
}

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.reserve(bytes.len());
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn growing_keeps_every_byte() {
        let mut buffer = Buffer::new();
        let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        for chunk in bytes.chunks(37) {
            buffer.write_all(chunk).expect("memory");
        }
        assert_eq!(*buffer.into_bytes(), bytes);
    }
}
