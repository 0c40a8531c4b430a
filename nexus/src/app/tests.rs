//! Use cases over a store in memory, with real keys and a real audit.

mod administrator;
mod audit;
mod cipher;
pub(crate) mod database;
pub(crate) mod hostile;
mod lost_answers;
mod races;
mod revocation;
mod untrusted;
mod world;
