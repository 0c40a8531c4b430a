//! Key tree, Shamir shards and envelope encryption of Spike.
//!
//! The store is untrusted: what comes from it is believed only under a key, and this crate is where
//! that happens. It has no I/O, no clock and no randomness of its own; time and random bytes come in
//! as parameters. It refuses to be a general cryptography library: every function seals or opens
//! exactly one thing of Spike, bound to exactly one place.
//!
//! ```text
//! root key (memory only; Shamir t-of-n in the Keepers; encrypts no data)
//!  └─ HKDF-SHA-256(root, salt = cluster id, info = "spike/v1" | purpose | …)
//!      ├─ kek      wraps the keys of the ring
//!      ├─ set      names a polynomial of this root: the set id
//!      ├─ ring     MAC of the key ring
//!      ├─ shares   seeds the polynomial of the Keepers' shards
//!      └─ escrow   seeds the polynomial of a set of recovery shards
//! ring keys: record | index | cipher | audit
//! ```

mod aead;
pub mod cipher;
mod derive;
pub mod document;
mod envelope;
mod error;
pub mod head;
pub mod memory;
pub mod record;
pub mod ring;
pub mod ring_keys;
pub mod root;
mod shamir;
pub mod shard;
mod transcript;

pub use cipher::CipherText;
pub use document::{DocumentAt, DocumentPurpose};
pub use error::SealError;
pub use head::{HeadBytes, HeadMac};
pub use record::{RecordAt, SealedRecord};
pub use ring::{Claim, Escrow, KeyRing, Opened, RingDocument, ShardSet, Source};
pub use ring_keys::{HashPurpose, KeyPurpose, RingKeys};
pub use root::RootKey;
pub use shard::{EscrowSplit, Refused, Shard, Split, WhyRefused};
