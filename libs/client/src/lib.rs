//! Typed clients of Nexus and Keeper over SPIFFE mTLS.
//!
//! [`NexusClient`] speaks SPIKE's `/v1` and the native `/v2`, [`KeeperClient`] the Keepers' shard
//! protocol. Both know by role whom they talk to: a server with another SPIFFE ID never sees a
//! request. Every call has a deadline and a bounded answer, and ends in a value or in a
//! [`ClientError`] that says whose fault it was.
//!
//! Nothing is repeated here: whether a call may be repeated is known only to the one who made it.

mod cause;
mod error;
mod keeper;
mod nexus;
mod transport;
mod v1;
mod v2;

pub use error::ClientError;
pub use keeper::KeeperClient;
pub use nexus::NexusClient;
