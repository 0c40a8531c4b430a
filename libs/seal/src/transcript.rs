//! Bytes in which no two lists of parts look alike.

/// Parts one behind the other, each behind its length (four bytes, big endian).
///
/// What is hashed, MACed or bound to a ciphertext is always a transcript, so that moving a byte from
/// one field to its neighbour gives other bytes.
#[derive(Clone, Debug)]
pub(crate) struct Transcript(Vec<u8>);

/// Tells this protocol from everything else that could use the same keys.
const PROTOCOL: &str = "spike/v1";

impl Transcript {
    /// Starts with the protocol and what the bytes are for.
    pub(crate) fn of(purpose: &str) -> Self {
        Self::labelled(PROTOCOL).text(purpose)
    }

    /// Starts with a label of its own.
    pub(crate) fn labelled(label: &str) -> Self {
        Self(Vec::with_capacity(256)).text(label)
    }

    pub(crate) fn bytes(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(&length_of(part));
        self.0.extend_from_slice(part);
        self
    }

    pub(crate) fn text(self, part: &str) -> Self {
        self.bytes(part.as_bytes())
    }

    /// Eight bytes, big endian, whatever the number's type.
    pub(crate) fn number(self, part: impl Into<u64>) -> Self {
        self.bytes(&part.into().to_be_bytes())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What stands before a part.
pub(crate) fn length_of(part: &[u8]) -> [u8; 4] {
    u32::try_from(part.len()).expect("a part is a field, never 4 GiB").to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_that_moves_to_the_next_field_gives_other_bytes() {
        let one = Transcript::of("x").text("ab").text("c");
        let other = Transcript::of("x").text("a").text("bc");
        assert_ne!(one.as_bytes(), other.as_bytes());
    }
}
