//! `kubectl spike`: Spike's clusters in Kubernetes, by name.
//!
//! Who may do what is decided by Kubernetes (a token of an account of the cluster) and by Nexus (the
//! identity that the cluster's authority gives for it). Commands for secrets, policies and keys are
//! those of `spike`, in this very process: no token and no key is ever in a file, an argument or an
//! environment. Nothing is changed in Kubernetes.

mod args;
mod complete;
mod completion;
mod door;
mod forward;
mod person;
mod place;
mod pods;
mod refusal;
mod report;
mod restore;
mod status;
mod statusz;

pub use args::Args;
