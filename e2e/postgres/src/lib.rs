//! Real PostgreSQL servers for tests: started from the machine's own binaries, each in a folder and
//! on a port of its own, killed, stopped, paused and promoted at will.
//!
//! It is no fake and keeps nothing back: `fsync` is on, connections are encrypted, passwords are
//! SCRAM. A server ends with its [`Server`], and also when the process that made it is killed.
//! Text is ordered by a human language unless a column says otherwise, so that whoever relies on
//! byte order without saying so is found out.

mod disk;
mod pooler;
mod ports;
mod postmaster;
mod programs;
mod script;
mod server;
mod standby;
mod tls;

pub use disk::Disk;
pub use pooler::Pooler;
pub use programs::programs;
pub use server::{Options, Server};
pub use standby::Replication;
