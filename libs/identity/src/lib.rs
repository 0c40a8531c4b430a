//! SPIFFE identities of Spike: sources, verifiers, peers.
