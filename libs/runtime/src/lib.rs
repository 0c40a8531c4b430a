//! What every Spike server shares, written once: configuration from the environment, logs, TLS
//! serving with limits and drain, probes and metrics, process hardening.
//!
//! Nothing here knows what a secret, a policy or a shard is. A server passes a router and the answers
//! to give when a request never reaches it.

pub mod env;
pub mod identity_env;
pub mod logs;
pub mod metrics;
pub mod probes;
pub mod process;
pub mod serve;

pub use env::{ConfigErrors, Env};
pub use serve::{Caller, InFlight, Limits, Refusal, Server};
