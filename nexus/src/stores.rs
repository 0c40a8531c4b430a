//! Which stores there are: a scheme, what its URL must look like, and how it is opened.

mod measured;

use std::sync::Arc;

use spike_store::{
    Result, Store,
    batched::{Batched, Limits},
    memory::MemoryStore,
};

pub(crate) use measured::Measured;

/// The URL of a store that lives as long as its process.
pub(crate) const MEMORY: &str = "memory:";

/// A URL that names no store of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the URL of a store")]
pub(crate) struct UnknownStore;

/// True to its name: says whether [`open`] knows what to do with the URL. Opens nothing.
pub(crate) fn check(url: &str) -> std::result::Result<(), UnknownStore> {
    match url.split_once(':') {
        Some(("memory", "")) => Ok(()),
        Some(("sqlite", rest)) if rest.starts_with("///") && rest.len() > 3 => Ok(()),
        _ => Err(UnknownStore),
    }
}

/// The kind of store, for status before it was reached.
pub(crate) fn kind(url: &str) -> &'static str {
    if url == MEMORY { "memory" } else { "sqlite" }
}

/// Opens the store that a checked URL names.
pub(crate) async fn open(url: &str) -> Result<Arc<dyn Store>> {
    if url == MEMORY {
        return Ok(Arc::new(MemoryStore::new()));
    }
    let store = Arc::new(spike_store_sqlite::open_url(url).await?);
    Ok(Arc::new(Batched::new(store, Limits::default())))
}
