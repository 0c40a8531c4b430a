//! SPIKE Nexus: serves secrets to workloads that prove who they are.
//!
//! A replica keeps nothing but keys: the root key and what it opens live in locked memory, every
//! secret and policy lives sealed in the backing store, and every answer is decided by what the
//! store shows at that moment (ADR-0024). It elects no leader, takes no lock and caches no secret.

pub mod app;
pub mod boot;
pub mod keys;
