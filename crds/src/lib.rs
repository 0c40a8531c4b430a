//! Spike's kinds of resource, in Kubernetes and on a laptop alike.
//!
//! [`cluster`] has the types, as they are written; [`rules`] what their schema can't say;
//! [`definition()`] both together, as it is installed. [`validate`](mod@validate) says whether a
//! cluster can work and makes of it values that can't be wrong; [`manifest`] reads files; [`names`]
//! says what a cluster's objects are called, [`remedies`] what helps where a condition doesn't hold. Nothing
//! here talks to an API server, and nothing guesses what an author meant: an unknown field is an
//! error.

pub mod cluster;
mod definition;
pub mod manifest;
pub mod names;
pub mod remedies;
mod rule;
pub mod rules;
pub mod validate;

pub use cluster::{SpikeCluster, SpikeClusterSpec, SpikeClusterStatus};
pub use definition::{definition, installed_version};
pub use rule::Rule;
pub use rules::RULES;
pub use validate::{Problem, ValidatedCluster, validate};
