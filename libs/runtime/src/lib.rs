//! What every Spike server shares, written once: configuration from the environment, logs, TLS
//! serving with limits and drain, probes and metrics, process hardening.
//!
//! Nothing here knows what a secret, a policy or a shard is. A server passes a router; the forms of
//! its answers, and of refusals before the router is reached, are in [`reply`].

pub mod env;
pub mod identity_env;
pub mod logs;
pub mod metrics;
pub mod probes;
pub mod process;
pub mod reply;
pub mod serve;

pub use env::{ConfigErrors, Env};
pub use serve::{Caller, InFlight, Limits, Refusal, Server};
