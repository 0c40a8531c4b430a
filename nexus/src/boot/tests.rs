//! The boot against Keepers and a store in memory, which crash, hang and lie on demand.

mod administrator;
mod bootstrap;
mod drill;
mod escrow;
mod fakes;
mod interleaved;
mod plan;
mod recovery;
mod rehydrate;
mod reshare;
mod reshare_crashes;
mod rollback;
mod start;
mod world;
