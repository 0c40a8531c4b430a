//! Typed clients of Nexus and Keeper over SPIFFE mTLS.
