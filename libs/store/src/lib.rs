//! The store contract of Spike, its conformance suite and the memory store.
