//! The PostgreSQL store.

mod error;
#[allow(dead_code, reason = "the store itself isn't here yet")]
mod link;

pub use link::{InvalidUrl, Options, PoolState, connect};
