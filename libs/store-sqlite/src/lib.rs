//! The SQLite store of Spike.
