//! What can go wrong, by whose fault it is.

/// Why something could not be sealed, opened or rebuilt.
///
/// No variant repeats a byte of what it is about: a ciphertext that doesn't open is a stranger's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The caller's ciphertext (encryption as a service) doesn't open under any key of the ring.
    #[error("decryption failed")]
    Undecryptable,
    /// The caller's ciphertext has a version that was never issued.
    #[error("unsupported cipher version {0}")]
    CipherVersion(u8),
    /// More is to be encrypted than one call can.
    #[error("too large to encrypt")]
    TooLarge,
    /// Fewer good shards than the quorum's threshold.
    #[error("{have} usable shards, {need} are needed")]
    NotEnoughShards {
        /// Distinct shards with the digest that the ring names.
        have: usize,
        /// The threshold.
        need: u8,
    },
    /// No recovery shards were ever given out.
    #[error("no recovery shards were ever made for this cluster")]
    NoEscrow,
    /// A re-share has to settle before there is another.
    #[error("the last re-share has not settled yet")]
    Unsettled,
    /// There is no re-share to commit or to withdraw.
    #[error("no re-share is pending")]
    NothingPending,
    /// There is no re-share to settle.
    #[error("there is no set of an earlier epoch")]
    NothingPrevious,
    /// A new root key is on its way, which is another matter.
    #[error("set {0} is of another root key")]
    OtherRoot(spike_core::SetId),
    /// The shards gave a key that isn't the ring's: the ring was edited or replaced.
    #[error("the rebuilt key is not the key of set {0}")]
    WrongRoot(spike_core::SetId),
    /// The key ring was edited: its MAC is not its root key's.
    #[error("the key ring was tampered with: its MAC does not verify")]
    RingForged,
    /// The key ring can't be read.
    #[error("the key ring is malformed: {0}")]
    RingMalformed(String),
    /// The key ring needs a newer program.
    #[error("the key ring needs a reader of format {needs}, this program has {has}")]
    RingTooNew {
        /// What the ring asks for.
        needs: u32,
        /// What this program knows.
        has: u32,
    },
    /// The ring has as many cipher keys as are ever tried.
    #[error("the ring has {0} cipher keys, the most there can be: remove one first")]
    TooManyCipherKeys(usize),
    /// The ring has no key of that purpose and number.
    #[error("the ring has no {purpose} key {id}")]
    UnknownKey {
        /// What for.
        purpose: &'static str,
        /// Which.
        id: u32,
    },
    /// The store returned something of a form that was never written.
    #[error("a record, document or head of form {0}, which this program does not know")]
    UnknownFormat(u8),
    /// The store returned something that no key of ours made for this place.
    #[error("the {0} was tampered with")]
    Forged(&'static str),
    /// The store returned a row whose columns contradict its authenticated bytes.
    #[error("the store's {0} differs from the authenticated bytes")]
    Contradiction(&'static str),
}
