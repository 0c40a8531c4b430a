//! The unwrapped keys of an active ring, and the small things done with them.

use std::{fmt, sync::atomic::AtomicU64};

use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use spike_core::ClusterId;

use crate::{SealError, derive::mac_with, memory::Guarded, transcript::Transcript};

/// What a key of the ring is for. A key is never used for anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPurpose {
    /// Seals records and documents, each under a key derived for it.
    Record,
    /// MACs path heads; keyed hashes.
    Index,
    /// Encryption as a service.
    Cipher,
    /// Signs the audit chain.
    Audit,
}

impl KeyPurpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [Self::Record, Self::Index, Self::Cipher, Self::Audit];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Index => "index",
            Self::Cipher => "cipher",
            Self::Audit => "audit",
        }
    }
}

/// One unwrapped key.
pub(crate) struct RingKey {
    pub(crate) id: u32,
    pub(crate) purpose: KeyPurpose,
    pub(crate) active: bool,
    pub(crate) bytes: Guarded<32>,
}

impl RingKey {
    /// A new key, of which nobody has a copy yet.
    pub(crate) fn generate(id: u32, purpose: KeyPurpose, rng: &mut impl CryptoRng) -> Self {
        let bytes = Guarded::filled(|bytes| rng.fill_bytes(bytes));
        Self { id, purpose, active: true, bytes }
    }
}

/// The unwrapped keys of an active ring, each on a guarded page.
///
/// Has an active key of every purpose: a ring without one doesn't open.
pub struct RingKeys {
    cluster: ClusterId,
    /// Newest first.
    keys: Vec<RingKey>,
    /// Texts encrypted as a service by this process.
    pub(crate) encryptions: AtomicU64,
}

impl fmt::Debug for RingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RingKeys({}, [redacted])", self.cluster)
    }
}

/// What a keyed hash is for: hashes of different purposes never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashPurpose {
    /// Names a caller to the store.
    Caller,
    /// Names a write: caller, operation, path and idempotency key.
    WriteScope,
    /// What was asked for under a write key.
    WriteDigest,
}

impl HashPurpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::WriteScope => "write-scope",
            Self::WriteDigest => "write-digest",
        }
    }
}

impl RingKeys {
    /// `None` if a purpose has no active key.
    pub(crate) fn new(cluster: ClusterId, mut keys: Vec<RingKey>) -> Option<Self> {
        keys.sort_by_key(|key| std::cmp::Reverse(key.id));
        let has = |purpose| keys.iter().any(|key| key.active && key.purpose == purpose);
        KeyPurpose::ALL.into_iter().all(has).then_some(Self {
            cluster,
            keys,
            encryptions: AtomicU64::new(0),
        })
    }

    /// The cluster.
    pub const fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// HMAC-SHA-256 of `parts` under the active index key. No copy of a part is left behind.
    ///
    /// It changes when the index key is replaced.
    pub fn keyed_hash(&self, purpose: HashPurpose, parts: &[&[u8]]) -> [u8; 32] {
        let start = Transcript::of("hash").text(purpose.name()).bytes(&self.cluster.0);
        mac_with(self.active(KeyPurpose::Index).bytes.expose(), &start, parts)
    }

    /// The Ed25519 seed that signs the audit chain, and its key id.
    ///
    /// Lent and not given: a copy that is moved about would leave traces.
    pub fn audit_key(&self) -> (u32, &[u8; 32]) {
        let key = self.active(KeyPurpose::Audit);
        (key.id, key.bytes.expose())
    }

    /// The seeds of all keys that ever signed the audit chain, the newest first: key id, seed, and
    /// whether new heads are signed with it.
    pub fn audit_keys(&self) -> impl Iterator<Item = (u32, &[u8; 32], bool)> {
        let (signing, _) = self.audit_key();
        self.all(KeyPurpose::Audit).map(move |key| (key.id, key.bytes.expose(), key.id == signing))
    }

    /// The newest key of a purpose that new things are made with.
    pub(crate) fn active(&self, purpose: KeyPurpose) -> &RingKey {
        self.all(purpose).find(|key| key.active).expect("checked when the ring was opened")
    }

    /// The key that something old names.
    pub(crate) fn named(&self, purpose: KeyPurpose, id: u32) -> Result<&RingKey, SealError> {
        self.all(purpose)
            .find(|key| key.id == id)
            .ok_or(SealError::UnknownKey { purpose: purpose.name(), id })
    }

    /// Newest first.
    pub(crate) fn all(&self, purpose: KeyPurpose) -> impl Iterator<Item = &RingKey> {
        self.keys.iter().filter(move |key| key.purpose == purpose)
    }
}
