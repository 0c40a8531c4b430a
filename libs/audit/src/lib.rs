//! Hash-chained, signed audit lines.
//!
//! Each line carries the SHA-256 of the line before it; from time to time an Ed25519-signed head
//! covers all lines so far. A line that isn't durable is an error, and whoever gets it answers
//! nothing. This crate decides nothing about requests, keeps no secret, and can't protect against
//! a program that is compromised while it writes.

mod chain;
pub mod denials;
mod entry;
mod error;
mod line;
mod log;
mod sign;
mod sink;
#[cfg(test)]
mod tests;
pub mod verify;
mod writer;

pub use denials::Denials;
pub use entry::{Decision, Entry, Event};
pub use error::AuditError;
pub use log::{APPEND_DEADLINE, CLOSE_DEADLINE, DENIALS_PER_SECOND, Log, Seq, Status};
pub use sign::{InvalidKeys, PublicKeys, public_key};
pub use sink::{InvalidSink, Sink, Sync};

/// The longest text of a field, in bytes: as long as a SPIFFE ID may be. Longer ones are cut.
pub const MAX_TEXT: usize = spike_core::spiffe_id::MAX_LEN;
