//! Domain and wire types of Spike.
//!
//! Everything here is a value: no I/O, no async, no clock, no randomness. A type that exists has
//! been validated, so that no other crate checks a path, an identity or a quorum again.

pub mod cause;
pub mod head;
pub mod id;
pub mod name;
pub mod policy;
pub mod quorum;
pub mod re2;
pub mod role;
pub mod secret_path;
pub mod spiffe_id;
pub mod version;
pub mod wire;

pub use head::{Head, Incarnation};
pub use id::{ClusterId, Hex, InvalidHex, SetId, ShardDigest};
pub use policy::{Policy, PolicyName, PolicySet};
pub use quorum::{InvalidQuorum, Quorum, ShareIndex};
pub use role::{Instance, InvalidInstance, Role, Roles, TrustRoots};
pub use secret_path::{InvalidPath, SecretPath};
pub use spiffe_id::{InvalidSpiffeId, SpiffeId};
pub use version::{Revision, Version};
