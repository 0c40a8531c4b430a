//! The boot against Keepers and a store in memory, which crash, hang and lie on demand.

mod bootstrap;
mod fakes;
mod interleaved;
mod plan;
mod recovery;
mod rehydrate;
mod rollback;
mod start;
mod world;
