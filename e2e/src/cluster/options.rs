//! What a cluster is made of.

use std::time::Duration;

/// Which backing store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// A file in the cluster's folder.
    Sqlite,
    /// None: a random root key, no Keepers.
    Memory,
    /// A `PostgreSQL` server that someone else runs.
    Postgres(Postgres),
}

/// How a cluster reaches its `PostgreSQL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postgres {
    /// For each Nexus the URL of the store; the last one is also that of those without their own.
    pub urls: Vec<String>,
    /// More of `SPIKE_NEXUS_STORE_…`, for each Nexus.
    pub env: Vec<(String, String)>,
    /// The URL with which the schema is made; its role owns what is in the database.
    pub owner: String,
}

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many Keepers.
    pub shares: u8,
    /// How many of them rebuild the root key.
    pub threshold: u8,
    /// How many Keepers run beside those, which no Nexus is told of.
    pub spare_keepers: u8,
    /// The backing store.
    pub store: Store,
    /// How many Nexus; more than one need a store that they can share.
    pub replicas: usize,
    /// How long an SVID lives.
    pub svid_ttl: Duration,
    /// `SPIKE_INSTANCE`: which cluster of the trust domain this is.
    pub instance: Option<&'static str>,
    /// More variables for Nexus and the Keepers.
    pub env: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shares: 3,
            threshold: 2,
            spare_keepers: 0,
            store: Store::Sqlite,
            replicas: 1,
            svid_ttl: Duration::from_mins(5),
            instance: None,
            env: Vec::new(),
        }
    }
}
