//! Bytes that leave no copies behind as they grow.

use std::io;

use zeroize::Zeroizing;

/// The capacity of a buffer that has anything in it: enough for most messages.
const FIRST_CAPACITY: usize = 1024;

/// A growing buffer. A `Vec` that grows gives its old memory back as it was; this wipes it.
#[derive(Default)]
pub struct Buffer(Zeroizing<Vec<u8>>);

impl Buffer {
    /// An empty buffer for about so many bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(capacity)))
    }

    /// Appends.
    pub fn push(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without a byte.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes.
    pub fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        self.0
    }

    fn reserve(&mut self, more: usize) {
        let needed = self.0.len().saturating_add(more);
        if needed > self.0.capacity() {
            let doubled = self.0.capacity().saturating_mul(2);
            let capacity = needed.max(doubled).max(FIRST_CAPACITY);
            let mut grown = Zeroizing::new(Vec::with_capacity(capacity));
            grown.extend_from_slice(&self.0);
            self.0 = grown;
        }
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
    use std::io::Write;

    use super::*;

    #[test]
    fn growing_keeps_every_byte() {
        let mut buffer = Buffer::with_capacity(3);
        let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        for chunk in bytes.chunks(37) {
            buffer.write_all(chunk).expect("memory");
        }
        assert_eq!(*buffer.into_bytes(), bytes);
    }
}
