//! Issues X.509-SVIDs and serves the SPIFFE Workload API.
//!
//! [`dev`] is an authority for a laptop and for tests: real certificates, the real Workload API,
//! and a root key that dies with the process. It attests nobody: whoever can open a socket is whom
//! the socket says, so the sockets are for their owner only. [`builtin`] signs for a cluster's own
//! authority, which attests by the Kubernetes API (in the operator). [`Relay`] issues nothing: it
//! hands an identity on that it was given.

pub mod builtin;
mod ca;
pub mod dev;
mod error;
mod proto;
mod relay;
mod socket;
mod workload_api;

pub use error::AuthorityError;
pub use relay::Relay;
