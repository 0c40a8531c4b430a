//! Hash-chained, signed audit lines.
//!
//! Each line carries the SHA-256 of the line before it; from time to time an Ed25519-signed head
//! covers all lines so far. A line that isn't durable is an error, and whoever gets it answers
//! nothing. This crate decides nothing about requests, keeps no secret, and can't protect against
//! a program that is compromised while it writes.

mod entry;
mod error;
mod log;
pub mod verify;

pub use entry::{Decision, Entry, Event};
pub use error::AuditError;
pub use log::{Log, Seq, Sink, Status, Sync};

/// The longest text of a field, in bytes: as long as a SPIFFE ID may be.
pub const MAX_TEXT: usize = spike_core::spiffe_id::MAX_LEN;

/// So many denials of one identity are written in a second; the rest is counted.
pub const DENIALS_PER_SECOND: u32 = 10;
