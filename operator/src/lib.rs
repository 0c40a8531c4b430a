//! Spike's Kubernetes operator: makes of a `SpikeCluster` a secrets store that keeps its quorum.
//!
//! One reconcile is `dereference -> validate -> build -> plan -> apply -> status`, and does one safe
//! step. The operator never sees a secret, a key or a shard; it reads no Secret's contents.

mod apply;
mod args;
pub mod authority;
pub mod build;
pub mod cluster;
pub mod compare;
mod config;
mod contested;
mod context;
mod dereference;
pub mod error;
pub mod hash;
pub mod lease;
mod looks;
mod metrics;
pub mod names;
pub mod observe;
pub mod plan;
mod queue;
mod reconcile;
pub mod run;
pub mod status;
mod told;
mod turns;
pub mod validate;
pub mod version;
mod voices;
mod watches;

pub use args::Args;
pub use config::Config;
