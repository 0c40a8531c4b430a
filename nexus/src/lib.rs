//! SPIKE Nexus: serves secrets to workloads that prove who they are.
//!
//! A replica keeps nothing but keys: the root key and what it opens live in locked memory, every
//! secret and policy lives sealed in the backing store, and every answer is decided by what the
//! store shows at that moment (docs/adr/0007). It elects no leader, takes no lock and caches no
//! secret.

mod api;
pub mod app;
mod args;
pub mod boot;
mod bootstrap;
pub mod config;
pub mod keys;
mod metrics;
mod nexus;
mod pulse;
mod schema;
mod serve;
mod start;
mod status;
pub mod stores;

pub use args::Args;
