//! Spike's Kubernetes operator: makes of a `SpikeCluster` a secrets store that keeps its quorum.
//!
//! One reconcile is `dereference -> validate -> build -> plan -> apply -> status`, and does one safe
//! step. The operator never sees a secret, a key or a shard; it reads no Secret's contents.

mod args;
pub mod authority;
pub mod build;
pub mod cluster;
pub mod hash;
pub mod names;
pub mod plan;
pub mod validate;

pub use args::Args;
