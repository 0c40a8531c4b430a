//! The boot against Keepers and a store in memory, which crash, hang and lie on demand.

mod bootstrap;
mod fakes;
mod interleaved;
mod rollback;
mod start;
mod world;
