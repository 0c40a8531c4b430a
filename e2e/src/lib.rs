//! Spike's real programs, started for a test: a development authority, Keepers, Nexus and the
//! `spike` command, on free loopback ports, in a folder that goes with the test; and what it takes to
//! judge them under faults: clients that note every answer, and checks of what they noted.
//!
//! Nothing here restarts or repairs anything: what a test kills stays dead until the test starts it.

pub mod aftermath;
pub mod chaos;
mod cluster;
pub mod document;
pub mod fault;
pub mod history;
pub mod linear;
pub mod load;
mod process;
pub mod stage;
mod wire;

pub use cluster::{Cluster, Options, Postgres, Store};
pub use process::{Program, Server, program, until};
pub use wire::{Answer, Caller};
