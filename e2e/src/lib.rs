//! Spike's real programs, started for a test: a development authority, Keepers, a Nexus and the
//! `spike` command, on free loopback ports, in a folder that goes with the test.
//!
//! Nothing here restarts or repairs anything: what a test kills stays dead until the test starts it.

mod cluster;
mod process;
mod wire;

pub use cluster::{Cluster, Options, Store};
pub use process::{Program, Server, program, until};
pub use wire::{Answer, Caller};
