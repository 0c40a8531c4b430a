//! Spike's kinds of resource, in Kubernetes and on a laptop alike.
//!
//! [`cluster`] has the types, as they are written; [`validate`] says whether one can work and makes
//! of it values that can't be wrong; [`manifest`] reads files. Nothing here talks to an API server,
//! and nothing guesses what an author meant: an unknown field is an error.

pub mod cluster;
pub mod manifest;
pub mod validate;

pub use cluster::{SpikeCluster, SpikeClusterSpec};
pub use validate::{Problem, ValidatedCluster, validate};
