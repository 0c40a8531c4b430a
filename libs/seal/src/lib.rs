//! Key tree, Shamir shards and envelope encryption of Spike.
