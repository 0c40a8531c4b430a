//! SPIKE Keeper: holds one Shamir shard in memory.
//!
//! It takes shards from Bootstrap and Nexus, and gives them to Nexus alone. It knows nothing of its
//! peers, of the store or of the root key, writes nothing but audit lines, and forgets everything
//! when it stops: any `threshold` of its peers and one Nexus make it whole again.

mod api;
mod args;
pub mod config;
pub mod keeper;
pub mod metrics;
mod serve;
pub mod slots;

pub use args::Args;
